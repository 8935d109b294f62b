import { ed25519 } from "@noble/curves/ed25519.js";
import { sha512 } from "@noble/hashes/sha2.js";

import { concat, equal } from "../wire/bytes.js";

const { Point } = ed25519;
const order = Point.Fn.ORDER;

/**
 * Whether sig is the key's signature of message (RFC 8032), by the rule of Go's
 * crypto/ed25519 and no other: S below the group's order, the equation without
 * the cofactor, R compared as bytes; a key may be spelled non-canonically. What
 * libraries offer differs in these corners, WebCrypto from browser to browser,
 * and a signature that one verifier takes and another refuses would split them.
 */
export function verify(key: Uint8Array, message: Uint8Array, sig: Uint8Array): boolean {
  if (key.length !== 32 || sig.length !== 64) return false;
  const r = sig.subarray(0, 32);
  const s = littleEndian(sig.subarray(32));
  if (s >= order) return false;
  const a = decompress(key);
  if (a === undefined) return false;
  const k = littleEndian(sha512(concat(r, key, message))) % order;
  const again = Point.BASE.multiplyUnsafe(s).subtract(a.multiplyUnsafe(k));
  return equal(again.toBytes(), r);
}

/** Signs a message (RFC 8032, deterministic) with a 32-byte seed. */
export function sign(seed: Uint8Array, message: Uint8Array): Uint8Array {
  return ed25519.sign(message, seed);
}

/** The public key of a 32-byte seed. */
export function publicKey(seed: Uint8Array): Uint8Array {
  return ed25519.getPublicKey(seed);
}

function decompress(key: Uint8Array) {
  const anySpelling = true;
  try {
    return Point.fromBytes(key, anySpelling);
  } catch {
    return undefined; // no point has this encoding
  }
}

function littleEndian(data: Uint8Array): bigint {
  return data.reduceRight((n, b) => (n << 8n) | BigInt(b), 0n);
}
