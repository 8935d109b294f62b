import { p256, p384 } from "@noble/curves/nist.js";
import { sha256, sha384 } from "@noble/hashes/sha2.js";

import type { Nanos } from "../wire/time.js";
import { type Certificate, parseCertificate, type PublicKey, USAGE_CERT_SIGN } from "./certificate.js";
import * as ed25519 from "./ed25519.js";

const ED25519 = "1.3.101.112";
const EC = "1.2.840.10045.2.1";
const P256 = "1.2.840.10045.3.1.7";
const P384 = "1.3.132.0.34";
const ECDSA_SHA256 = "1.2.840.10045.4.3.2";
const ECDSA_SHA384 = "1.2.840.10045.4.3.3";

/** Root certificates that a release trusts to issue SVIDs. */
export type Issuers = readonly Certificate[];

/** Reads DER root certificates. None at all, and one that is no authority's, throws. */
export function parseIssuers(roots: readonly Uint8Array[]): Issuers {
  if (roots.length === 0) throw new Error("a release names at least one issuer");
  return roots.map((der, i) => {
    const cert = parseCertificate(der);
    if (!cert.isCA) throw new Error(`issuer ${i} is not a CA certificate`);
    return cert;
  });
}

/** Whether a key verifies a signature: Ed25519, or ECDSA in ASN.1 DER over SHA-256 on P-256. */
export function verifySVIDKey(key: PublicKey, message: Uint8Array, sig: Uint8Array): boolean {
  if (key.algorithm === ED25519) return ed25519.verify(key.raw, message, sig);
  return key.algorithm === EC && key.curve === P256 && ecdsa(p256, key.raw, sha256(message), sig);
}

/** Throws unless a chain leads from the leaf to an issuer, all of it valid at this time. */
export function verifyChain(leaf: Certificate, rest: readonly Certificate[], issuers: Issuers, at: Nanos): void {
  if (!leads(leaf, rest, issuers, at, 0)) throw new Error("no chain leads from the SVID to an issuer of the release that is valid at this time");
}

/** Depth first, over chains of at most five certificates. Above counts the authorities between the leaf and cert, cert included. */
function leads(cert: Certificate, rest: readonly Certificate[], issuers: Issuers, at: Nanos, above: number): boolean {
  if (at < cert.notBefore || at > cert.notAfter) return false;
  const signs = (parent: Certificate) => mayIssue(parent, above) && parent.subject === cert.issuer && issued(parent.key, cert);
  if (issuers.some((root) => signs(root) && at >= root.notBefore && at <= root.notAfter)) return true;
  return above < 4 && rest.some((parent) => parent !== cert && signs(parent) && leads(parent, rest, issuers, at, above + 1));
}

function mayIssue(parent: Certificate, below: number): boolean {
  const bySigning = parent.keyUsage === 0 || (parent.keyUsage & USAGE_CERT_SIGN) !== 0;
  return parent.isCA && bySigning && (parent.pathLength < 0 || below <= parent.pathLength);
}

/** Whether the key signed the certificate. Other algorithms than these, RSA among them, are refused. */
function issued(key: PublicKey, cert: Certificate): boolean {
  if (cert.algorithm === ED25519) return key.algorithm === ED25519 && ed25519.verify(key.raw, cert.tbs, cert.signature);
  const hash = cert.algorithm === ECDSA_SHA256 ? sha256 : cert.algorithm === ECDSA_SHA384 ? sha384 : undefined;
  const curve = key.curve === P256 ? p256 : key.curve === P384 ? p384 : undefined;
  if (key.algorithm !== EC || hash === undefined || curve === undefined) return false;
  return ecdsa(curve, key.raw, hash(cert.tbs), cert.signature);
}

function ecdsa(curve: typeof p256, key: Uint8Array, digest: Uint8Array, sig: Uint8Array): boolean {
  if (key[0] !== 0x04) return false; // certificates spell points uncompressed
  try {
    return curve.verify(sig, digest, key, { prehash: false, format: "der", lowS: false });
  } catch {
    return false; // no signature, or no key of this curve
  }
}
