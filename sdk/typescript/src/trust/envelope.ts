import { create, toBinary } from "@bufbuild/protobuf";

import { EnvelopeSchema, ListSchema, SignatureSchema } from "../gen/portcullis/v1/envelope_pb.js";
import { type Digest, concat, digestIn, digestOf, fromHex, runes, utf8 } from "../wire/bytes.js";
import { decodeUnchecked } from "../wire/decode.js";
import { MAX_ENVELOPE, MAX_ITEMS, MAX_PAYLOAD } from "../wire/limits.js";
import * as ed25519 from "./ed25519.js";

/** A parsed DSSE envelope. Parsing verifies nothing. */
export interface Envelope {
  payloadType: string;
  payload: Uint8Array;
  signatures: Signature[];
}

/** One signature of an envelope. */
export interface Signature {
  keyID: Digest;
  sig: Uint8Array;
  credential: Uint8Array; // a Credential envelope; empty on the ledger
}

/** A list of items, bound to one ledger. */
export interface List {
  ledger: Digest;
  items: Uint8Array[];
}

/** A key that signs records: an Ed25519 seed of 32 bytes, and its public half. */
export interface SigningKey {
  seed: Uint8Array;
  publicKey: Uint8Array;
  id: Digest;
}

/** The key of a 32-byte seed. */
export function signingKey(seed: Uint8Array): SigningKey {
  const publicKey = ed25519.publicKey(seed);
  return { seed, publicKey, id: digestOf(publicKey) };
}

/** The pre-authentication encoding of DSSE v1: what is signed. */
export function pae(payloadType: string, payload: Uint8Array): Uint8Array {
  const type = utf8(payloadType);
  return concat(utf8(`DSSEv1 ${type.length} `), type, utf8(` ${payload.length} `), payload);
}

/** Reads an envelope strictly: no unknown field, every size within its bound. Throws a RecordError or an Error. */
export function parseEnvelope(data: Uint8Array): Envelope {
  const read = decodeUnchecked(EnvelopeSchema, data, MAX_ENVELOPE);
  const typeSize = runes(read.payloadType);
  if (typeSize < 1 || typeSize > 128) throw new Error(`not an envelope: payload_type has ${typeSize} characters, not 1 to 128`);
  if (read.payload.length < 1 || read.payload.length > MAX_PAYLOAD) throw new Error(`not an envelope: payload has ${read.payload.length} bytes`);
  if (read.signatures.length < 1 || read.signatures.length > 16) throw new Error(`not an envelope: ${read.signatures.length} signatures, not 1 to 16`);
  const signatures = read.signatures.map((s, i) => {
    const sized = s.keyId.length === 32 && s.sig.length >= 64 && s.sig.length <= 144 && s.credential.length <= 32 << 10;
    if (!sized) throw new Error(`not an envelope: signature ${i}: key_id, sig or credential has a wrong size`);
    return { keyID: digestIn(s.keyId), sig: s.sig, credential: s.credential };
  });
  return { payloadType: read.payloadType, payload: read.payload, signatures };
}

/** Whether signature i is this key's, and verifies. */
export function verifiedBy(env: Envelope, i: number, key: Uint8Array): boolean {
  const s = env.signatures[i];
  return s !== undefined && s.keyID === digestOf(key) && ed25519.verify(key, pae(env.payloadType, env.payload), s.sig);
}

/** How many distinct keys among these have a signature on the envelope that verifies. One key counts once. */
export function countSigners(env: Envelope, keys: ReadonlyMap<Digest, Uint8Array>): number {
  const found = new Set<Digest>();
  env.signatures.forEach((s, i) => {
    const key = keys.get(s.keyID);
    if (key !== undefined && verifiedBy(env, i, key)) found.add(s.keyID);
  });
  return found.size;
}

/** Signs a payload and serializes the envelope. */
export function seal(payloadType: string, payload: Uint8Array, key: SigningKey): Uint8Array {
  const sig = ed25519.sign(key.seed, pae(payloadType, payload));
  return sealed(payloadType, payload, [{ keyID: key.id, sig }]);
}

/** Serializes an envelope of signatures that were made elsewhere. */
export function sealed(payloadType: string, payload: Uint8Array, signatures: Pick<Signature, "keyID" | "sig">[]): Uint8Array {
  const env = create(EnvelopeSchema, {
    payloadType,
    payload,
    signatures: signatures.map((s) => create(SignatureSchema, { keyId: fromHex(s.keyID), sig: s.sig })),
  });
  return toBinary(EnvelopeSchema, env);
}

/** Serializes a list for one ledger; it has 1 to 512 items. */
export function marshalList(ledger: Digest, items: Uint8Array[]): Uint8Array {
  if (items.length < 1 || items.length > MAX_ITEMS) throw new Error(`a list has 1 to ${MAX_ITEMS} items, not ${items.length}`);
  return toBinary(ListSchema, create(ListSchema, { ledger: fromHex(ledger), items }));
}

/** Reads a list; its items are not looked into. Throws if it is none. */
export function parseList(payload: Uint8Array): List {
  const read = decodeUnchecked(ListSchema, payload, MAX_PAYLOAD);
  if (read.ledger.length !== 32 || read.items.length < 1 || read.items.length > MAX_ITEMS) {
    throw new Error(`not a list: ${read.items.length} items (1 to ${MAX_ITEMS}) for a ledger digest of ${read.ledger.length} bytes (32)`);
  }
  return { ledger: digestIn(read.ledger), items: read.items };
}
