import { ml_dsa44 } from "@noble/post-quantum/ml-dsa.js";
import { sha256 } from "@noble/hashes/sha2.js";

import { type LogKey, LogKeyAlgorithm } from "../gen/portcullis/v1/release_pb.js";
import * as ed25519 from "../trust/ed25519.js";
import { concat, fromBase64, quoted, toHex, uint64, utf8 } from "../wire/bytes.js";
import { parseCheckpoint } from "./checkpoint.js";

const ALGORITHM_ED25519 = 0x01;
const ALGORITHM_COSIGNATURE = 0x04;
const ALGORITHM_MLDSA44 = 0x06;

const ED25519_KEY = 32;
const MLDSA44_KEY = 1312;
const MLDSA44_SIGNATURE = 2420;
const TIMESTAMP = 8;

/** A key that signs notes (C2SP signed-note, tlog-cosignature): signatures name it by name and hash. */
export interface Verifier {
  name: string;
  hash: number;
  public: string; // the algorithm and the raw key as hexadecimal, whatever the name it is used under
  verify(text: string, sig: Uint8Array): boolean;
}

/** A recorder's key for a tree of this origin, in whose name it signs. Throws if its size is wrong. */
export function recorderVerifier(origin: string, key: LogKey): Verifier {
  const raw = key.publicKey;
  switch (key.algorithm) {
    case LogKeyAlgorithm.ED25519:
      if (raw.length !== ED25519_KEY) break;
      return { ...named(origin, ALGORITHM_ED25519, raw), verify: (text, sig) => ed25519.verify(raw, utf8(text), sig) };
    case LogKeyAlgorithm.ML_DSA_44:
      if (raw.length !== MLDSA44_KEY) break;
      return { ...named(origin, ALGORITHM_MLDSA44, raw), verify: (text, sig) => verifySubtree(origin, raw, text, sig) };
  }
  throw new Error(`a log key of algorithm ${key.algorithm} with ${raw.length} bytes; Ed25519 has ${ED25519_KEY}, ML-DSA-44 ${MLDSA44_KEY}`);
}

/** A witness's verifier key as text, whose hash must be its own. Throws for anything else. */
export function witnessVerifier(text: string): Verifier {
  const [name = "", hash = "", key = "", ...more] = text.split("+");
  const bytes = fromBase64(more.length > 0 ? [key, ...more].join("+") : key);
  const algorithm = bytes[0];
  const raw = bytes.subarray(1);
  const wrong = new Error(`verifier ${quoted(text, 60)} is no C2SP verifier key, or states another hash than its key has`);
  if (!isKeyName(name) || algorithm === undefined || hash !== hashText(name, algorithm, raw)) throw wrong;
  if ((algorithm === ALGORITHM_ED25519 || algorithm === ALGORITHM_COSIGNATURE) && raw.length === ED25519_KEY) {
    return { ...named(name, ALGORITHM_COSIGNATURE, raw), verify: (note, sig) => verifyCosignature(raw, note, sig) };
  }
  if (algorithm === ALGORITHM_MLDSA44 && raw.length === MLDSA44_KEY) {
    return { ...named(name, ALGORITHM_MLDSA44, raw), verify: (note, sig) => verifySubtree(name, raw, note, sig) };
  }
  throw wrong;
}

/** Whether a text can be the name of a key: no space, no plus. */
export function isKeyName(name: string): boolean {
  return name !== "" && !/[\s\u0085+]/u.test(name.replaceAll("\ufeff", ""));
}

function named(name: string, algorithm: number, raw: Uint8Array): Pick<Verifier, "name" | "hash" | "public"> {
  const key = concat(Uint8Array.of(algorithm), raw);
  return { name, hash: Number.parseInt(hashText(name, algorithm, raw), 16), public: toHex(key) };
}

function hashText(name: string, algorithm: number, raw: Uint8Array): string {
  return toHex(sha256(concat(utf8(name + "\n"), Uint8Array.of(algorithm), raw)).subarray(0, 4));
}

/** An Ed25519 cosignature (C2SP tlog-cosignature): timestamp || signature. */
function verifyCosignature(key: Uint8Array, text: string, sig: Uint8Array): boolean {
  if (sig.length !== TIMESTAMP + 64) return false;
  return ed25519.verify(key, utf8(`cosignature/v1\ntime ${timestamp(sig)}\n${text}`), sig.subarray(TIMESTAMP));
}

/** An ML-DSA-44 cosignature (C2SP tlog-cosignature) of the whole tree: timestamp || signature. */
function verifySubtree(name: string, key: Uint8Array, text: string, sig: Uint8Array): boolean {
  if (sig.length !== TIMESTAMP + MLDSA44_SIGNATURE) return false;
  try {
    const c = parseCheckpoint(text);
    const [signer, origin] = [utf8(name), utf8(c.origin)];
    if (signer.length > 255 || origin.length > 255) return false;
    const message = concat(
      utf8("subtree/v1\n\0"), Uint8Array.of(signer.length), signer, uint64(timestamp(sig)),
      Uint8Array.of(origin.length), origin, uint64(0n), uint64(c.size), c.root,
    );
    return ml_dsa44.verify(sig.subarray(TIMESTAMP), message, key);
  } catch {
    return false; // no checkpoint, or no signature of this kind
  }
}

function timestamp(sig: Uint8Array): bigint {
  return new DataView(sig.buffer, sig.byteOffset).getBigUint64(0);
}
