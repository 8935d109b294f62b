import { createPrivateKey } from "node:crypto";
import { join } from "node:path";

import { bind } from "../trust/bind.js";
import { parseCertificate } from "../trust/certificate.js";
import { type Issuers, parseIssuers } from "../trust/chain.js";
import { verifyCredential } from "../trust/credential.js";
import { parseEnvelope, signingKey, type SigningKey } from "../trust/envelope.js";
import { type Identity, parseIdentity } from "../trust/identity.js";
import { type Digest, fromBase64, isDigest } from "../wire/bytes.js";
import { checkPrivateDir, readSecret } from "./secret.js";

/** A participant, ready to connect: what its folder holds. */
export interface Member {
  id: Identity;
  spiffeID: string;
  key: SigningKey;
  credential: Uint8Array; // a Credential envelope, to introduce on the ledger
  nkeySeed: string;
  ledger: Digest; // of genesis: the trust anchor
  servers: string[]; // URLs of the broker
  brokerCA: string; // authorities of tls:// servers, in PEM; "" means those of this machine
  issuers: Issuers; // who may vouch for enforcers and executors
}

/**
 * Loads a participant from its own folder (participants/<role>/<name> of the
 * data folder, on whatever machine). Refuses files that others can read or
 * change, and keys, certificate and bundle that do not belong together or are
 * not valid now.
 */
export async function loadMember(folder: string): Promise<Member> {
  await checkPrivateDir(folder);
  const read = (name: string) => readSecret(join(folder, name));
  const bundle = parseBundle(await read("bundle.json"), folder);
  const key = parseSigningKey(await read("signing.pem"), folder);
  const chain = parseCerts(await read("svid.pem"));
  const credential = bind(bundle.spiffeID, { chain, key: onePEM(await read("svid.key"), folder) }, key);
  verifyCredential(parseEnvelope(credential), bundle.issuers, BigInt(Date.now()) * 1_000_000n);
  return { ...bundle, key, credential, nkeySeed: (await read("nats.nk")).trim() };
}

type Bundle = Omit<Member, "key" | "credential" | "nkeySeed">;

function parseBundle(text: string, folder: string): Bundle {
  const fields = JSON.parse(text) as Record<string, unknown>;
  const fail = (why: string) => new Error(`${join(folder, "bundle.json")}: ${why}; copy the folder again from where it was enrolled`);
  const stranger = Object.keys(fields).find((name) => !["spiffe_id", "ledger", "zone", "servers", "broker_ca", "issuers"].includes(name));
  if (stranger !== undefined) throw fail(`unknown member ${stranger}`);
  const { spiffe_id: spiffeID, ledger, zone, servers, broker_ca: brokerCA = "", issuers } = fields;
  if (typeof spiffeID !== "string" || typeof ledger !== "string" || !isDigest(ledger)) throw fail("spiffe_id or ledger is missing");
  if (!isTexts(servers) || servers.length === 0) throw fail("no servers are named");
  if (!isTexts(issuers) || typeof brokerCA !== "string") throw fail("issuers or broker_ca is none");
  const id = parseIdentity(spiffeID);
  if (id.zone !== zone) throw fail("zone is not that of spiffe_id");
  return { id, spiffeID, ledger, servers, brokerCA, issuers: parseIssuers(issuers.flatMap(parseCerts)) };
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((one) => typeof one === "string");
}

/** PEM certificates and nothing else, as DER. */
function parseCerts(text: string): Uint8Array[] {
  const block = /-----BEGIN CERTIFICATE-----\s([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----\s*/gy;
  const found: Uint8Array[] = [];
  let end = 0;
  for (let m = block.exec(text); m !== null; m = block.exec(text)) {
    const der = fromBase64((m[1] ?? "").replaceAll(/\s/g, ""));
    parseCertificate(der);
    found.push(der);
    end = block.lastIndex;
  }
  if (found.length === 0 || end !== text.length) throw new Error("no PEM certificate, or something else beside");
  return found;
}

/** A text that is exactly one PKCS #8 PEM block. */
function onePEM(text: string, folder: string): string {
  if (!/^-----BEGIN PRIVATE KEY-----\s[A-Za-z0-9+/=\s]+-----END PRIVATE KEY-----\s*$/.test(text)) {
    throw new Error(`a key in ${folder} is not exactly one PEM block of type PRIVATE KEY (PKCS #8)`);
  }
  return text;
}

function parseSigningKey(text: string, folder: string): SigningKey {
  const key = createPrivateKey(onePEM(text, folder));
  const { crv, d = "" } = key.export({ format: "jwk" }) as { crv?: string; d?: string };
  if (crv !== "Ed25519") throw new Error(`the signing key in ${folder} is not Ed25519`);
  return signingKey(new Uint8Array(Buffer.from(d, "base64url")));
}
