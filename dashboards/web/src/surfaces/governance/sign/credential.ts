import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { CredentialSchema } from "$sdk/gen/portcullis/v1/credential_pb";
import { Role } from "$sdk/gen/portcullis/v1/release_pb";
import { parseCertificate } from "$sdk/trust/certificate";
import { pae, sealed } from "$sdk/trust/envelope";
import { spiffeID } from "$sdk/trust/identity";
import { digestOf, fromBase64 } from "$sdk/wire/bytes";
import { encode } from "$sdk/wire/decode";
import { KINDS } from "$sdk/wire/kinds";
import { bytesOf, type HeldKey } from "./key";
import type { Place } from "./record";

const wants = "choose two files of the approver's folder: svid.pem and svid.key";

/**
 * Makes a Credential envelope that binds a key to the identity of an X.509-SVID for the SVID's own life: signed by the
 * SVID's key (ECDSA P-256), counter-signed by the key. It states no build: a page is none. The files are the
 * certificate chain and its key, in any order.
 */
export async function credentialFor(files: File[], approver: string, place: Place, key: HeldKey): Promise<Uint8Array> {
  const blocks = (await Promise.all(files.map(async (f) => blocksOf(new TextDecoder().decode(await bytesOf(f)))))).flat();
  const chain = blocks.filter((b) => b.type === "CERTIFICATE").map((b) => b.der);
  const keys = blocks.filter((b) => b.type === "PRIVATE KEY");
  const [der] = chain;
  const [secret] = keys;
  if (der === undefined || secret === undefined || keys.length !== 1) throw new Error(wants);
  const leaf = parseCertificate(der);
  const type = KINDS.credential.payloadType;
  const payload = encode(CredentialSchema, create(CredentialSchema, {
    spiffeId: spiffeID({ trustDomain: place.trust_domain, zone: place.zone, role: Role.APPROVER, name: approver }),
    publicKey: key.publicKey,
    buildDigest: new Uint8Array(32),
    notBefore: timestampFromMs(Number(leaf.notBefore / 1_000_000n)),
    expires: timestampFromMs(Number(leaf.notAfter / 1_000_000n)),
    svid: chain,
  }));
  const message = pae(type, payload) as Uint8Array<ArrayBuffer>;
  const curve = { name: "ECDSA", namedCurve: "P-256" };
  let svid: CryptoKey;
  try {
    svid = await crypto.subtle.importKey("pkcs8", secret.der, curve, false, ["sign"]);
  } catch (err) {
    throw new Error("the SVID's key is not ECDSA P-256; answer with the command line", { cause: err });
  } finally {
    secret.der.fill(0);
  }
  const raw = new Uint8Array(await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, svid, message));
  return sealed(type, payload, [
    { keyID: digestOf(leaf.spki), sig: derOf(raw) },
    { keyID: key.id, sig: await key.sign(message) },
  ]);
}

function blocksOf(pem: string): { type: string; der: Uint8Array<ArrayBuffer> }[] {
  return [...pem.matchAll(/-----BEGIN ([A-Z ]+)-----([A-Za-z0-9+/=\s]*)-----END \1-----/g)].map((found) => ({
    type: found[1] ?? "",
    der: fromBase64((found[2] ?? "").replace(/\s+/g, "")) as Uint8Array<ArrayBuffer>,
  }));
}

/** An ECDSA signature as ASN.1 DER (RFC 3279, section 2.2.3), from the two numbers that WebCrypto gives. */
export function derOf(raw: Uint8Array): Uint8Array {
  const half = raw.length / 2;
  const body = [...integer(raw.subarray(0, half)), ...integer(raw.subarray(half))];
  return Uint8Array.from([0x30, body.length, ...body]); // two numbers of at most 33 bytes: one byte of length
}

function integer(number: Uint8Array): number[] {
  let from = 0;
  while (from < number.length - 1 && number[from] === 0) from++;
  const digits = [...number.subarray(from)];
  if ((digits[0] ?? 0) >= 0x80) digits.unshift(0);
  return [0x02, digits.length, ...digits];
}
