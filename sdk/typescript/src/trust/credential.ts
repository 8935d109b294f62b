import { CredentialSchema } from "../gen/portcullis/v1/credential_pb.js";
import { type Digest, concat, digestIn, digestOf, equal, utf8 } from "../wire/bytes.js";
import { decode } from "../wire/decode.js";
import { KINDS } from "../wire/kinds.js";
import { MAX_ITEM } from "../wire/limits.js";
import { type Nanos, nanosOf, stamp } from "../wire/time.js";
import { type Certificate, parseCertificate, USAGE_CERT_SIGN, USAGE_CRL_SIGN, USAGE_DIGITAL_SIGNATURE } from "./certificate.js";
import { type Issuers, verifyChain, verifySVIDKey } from "./chain.js";
import { type Envelope, pae, verifiedBy } from "./envelope.js";
import { type Identity, parseIdentity, spiffeID } from "./identity.js";

/** A verified key binding: this key speaks for this identity from notBefore to just before expires. */
export interface Credential {
  id: Identity;
  spiffeID: string;
  key: Uint8Array;
  keyID: Digest;
  build: Digest;
  notBefore: Nanos;
  expires: Nanos;
}

/** Whether a credential counts at a time. */
export function validAt(c: Credential, at: Nanos): boolean {
  return at >= c.notBefore && at < c.expires;
}

/**
 * Checks a Credential envelope completely: schema, both signatures, the SVID
 * chain up to an issuer at this time, and that SVID and record say the same.
 * Throws if anything does not hold.
 */
export function verifyCredential(env: Envelope, issuers: Issuers, at: Nanos): Credential {
  if (env.payloadType !== KINDS.credential.payloadType || env.signatures.length !== 2) {
    throw new Error("credential: not a credential envelope with two signatures");
  }
  const record = decode(CredentialSchema, env.payload, MAX_ITEM);
  const [leaf, ...rest] = record.svid.map(parseCertificate);
  if (leaf === undefined) throw new Error("credential: it has no SVID");
  const id = svidIdentity(leaf, record.spiffeId);
  const cred = {
    id, spiffeID: record.spiffeId, key: record.publicKey, keyID: digestOf(record.publicKey), build: digestIn(record.buildDigest),
    notBefore: nanosOf(record.notBefore), expires: nanosOf(record.expires),
  };
  if (cred.notBefore < leaf.notBefore || cred.expires > leaf.notAfter) throw new Error(`credential of ${cred.spiffeID}: it claims to outlive its SVID`);
  if (!signedBySVID(leaf, env) || !verifiedBy(env, 1, cred.key)) {
    throw new Error(`credential of ${cred.spiffeID}: it needs the SVID key's signature, then the signing key's, and one of them does not verify`);
  }
  verifyChain(leaf, rest, issuers, at);
  if (!validAt(cred, at)) {
    throw new Error(`credential of ${cred.spiffeID}: valid from ${stamp(cred.notBefore)} to ${stamp(cred.expires)}, not at ${stamp(at)}`);
  }
  return cred;
}

/** Reads a leaf as the X509-SVID standard demands (sections 2 to 4): one URI, byte for byte, and no other name; not a CA; a key for signatures alone. */
function svidIdentity(leaf: Certificate, named: string): Identity {
  const issues = USAGE_CERT_SIGN | USAGE_CRL_SIGN;
  if (leaf.isCA || (leaf.keyUsage & issues) !== 0 || (leaf.keyUsage & USAGE_DIGITAL_SIGNATURE) === 0) {
    throw new Error("credential: an SVID leaf is no CA and its key usage is digitalSignature, without keyCertSign and cRLSign");
  }
  const id = parseIdentity(named);
  const uri = utf8(spiffeID(id));
  const name = concat(Uint8Array.of(0x86), lengthOf(uri), uri); // GeneralName, uniformResourceIdentifier
  if (!equal(leaf.san, concat(Uint8Array.of(0x30), lengthOf(name), name))) {
    throw new Error(`credential: an SVID leaf names ${named}, spelled exactly so, and nothing else`);
  }
  return id;
}

/** A length in DER, of at most 65,535. */
function lengthOf(content: Uint8Array): Uint8Array {
  const n = content.length;
  if (n < 0x80) return Uint8Array.of(n);
  return n < 0x100 ? Uint8Array.of(0x81, n) : Uint8Array.of(0x82, n >> 8, n & 255);
}

function signedBySVID(leaf: Certificate, env: Envelope): boolean {
  const first = env.signatures[0];
  if (first === undefined || first.keyID !== digestOf(leaf.spki)) return false;
  return verifySVIDKey(leaf.key, pae(env.payloadType, env.payload), first.sig);
}
