import { sha256 } from "@noble/hashes/sha2.js";

import { concat, equal, fromHex, uint64, utf8 } from "../wire/bytes.js";
import type { Nanos } from "../wire/time.js";

/** One position of the ledger as the tree's leaf knows it. */
export interface Entry {
  position: bigint; // from 1
  time: Nanos; // the broker's
  logTime: Nanos;
  subject: string;
  data: string; // digest of the stored bytes
}

const domain = utf8("portcullis/ledger-entry/v1\0");

/** The entry's hash in the tree: SHA-256(0x00 || entry). */
export function leafHash(e: Entry): Uint8Array {
  const subject = utf8(e.subject);
  const size = uint64(BigInt(subject.length));
  return sha256(concat(Uint8Array.of(0), domain, uint64(e.position), uint64(e.time), uint64(e.logTime), size, subject, fromHex(e.data)));
}

/** Whether a tree of this size and root has the leaf at a position, from 1 (RFC 9162, section 2.1.3.2). */
export function includes(proof: readonly Uint8Array[], size: bigint, root: Uint8Array, position: bigint, leaf: Uint8Array): boolean {
  if (position < 1n || position > size) return false;
  let node = position - 1n;
  let last = size - 1n;
  let hash = leaf;
  for (const sibling of proof) {
    if (last === 0n) return false;
    if ((node & 1n) === 1n || node === last) {
      hash = parent(sibling, hash);
      while ((node & 1n) === 0n && node !== 0n) {
        node >>= 1n;
        last >>= 1n;
      }
    } else {
      hash = parent(hash, sibling);
    }
    node >>= 1n;
    last >>= 1n;
  }
  return last === 0n && equal(hash, root);
}

/** The hash of an inner node: SHA-256(0x01 || left || right). */
export function parent(left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha256(concat(Uint8Array.of(1), left, right));
}
