import { decodeProof, type ProofFile } from "$sdk/proof/file";
import type { Result } from "$sdk/proof/result";
import { verifyProof } from "$sdk/proof/verify";
import { leafHash, parent } from "$sdk/lineage/tree";
import { parseCheckpoint } from "$sdk/lineage/checkpoint";
import { parseEnvelope } from "$sdk/trust/envelope";
import { digestOf, toHex } from "$sdk/wire/bytes";
import { parseSubject } from "$sdk/wire/kinds";
import { stamp } from "$sdk/wire/time";

/** A proof file judged, and what can be shown of it. Nothing in it is trusted for being shown. */
export interface Judged {
  result: Result;
  shown: Shown | undefined; // undefined: it is no proof file
}

export interface Shown {
  anchor: string; // that the file names
  records: ShownRecord[];
  tree: { origin: string; size: bigint; root: string; signers: string[] } | undefined; // undefined: the note cannot be read
}

export interface ShownRecord {
  position: string;
  kind: string;
  subject: string;
  logTime: string;
  bytes: number;
  keys: string[]; // that signed it, or say so
  leaf: string;
  path: PathStep[];
}

/** One step from a leaf towards the root: the sibling, on which side it stands, and what both make. */
export interface PathStep {
  sibling: string;
  left: boolean; // the sibling stands on the left
  parent: string;
}

/** Judges a file by an anchor, as the SDK does, and reads what can be read of it. It never throws. */
export function judge(data: Uint8Array | string, anchor: string): Judged {
  const result = verifyProof(data, anchor);
  try {
    return { result, shown: show(decodeProof(data)) };
  } catch {
    return { result, shown: undefined };
  }
}

function show(file: ProofFile): Shown {
  const tree = treeOf(file.checkpoint);
  return { anchor: file.anchor, tree, records: file.records.map((r) => recordOf(r, tree?.size ?? 0n)) };
}

function recordOf(r: ProofFile["records"][number], size: bigint): ShownRecord {
  const leaf = leafHash({ position: r.position, time: r.time, logTime: r.logTime, subject: r.subject, data: digestOf(r.envelope) });
  return {
    position: String(r.position),
    kind: parseSubject(r.subject)?.kind ?? "no record",
    subject: r.subject,
    logTime: stamp(r.logTime),
    bytes: r.envelope.length,
    keys: keysOf(r.envelope),
    leaf: toHex(leaf),
    path: pathOf(r.inclusion, size, r.position, leaf),
  };
}

function keysOf(envelope: Uint8Array): string[] {
  try {
    return parseEnvelope(envelope).signatures.map((s) => s.keyID);
  } catch {
    return [];
  }
}

function treeOf(note: string): Shown["tree"] {
  const end = note.indexOf("\n\n");
  try {
    const { origin, size, root } = parseCheckpoint(note.slice(0, end + 1));
    const signers = note.slice(end + 2).split("\n").filter((line) => line.startsWith("— ")).map((line) => line.split(" ")[1] ?? "");
    return { origin, size, root: toHex(root), signers: [...new Set(signers)] };
  } catch {
    return undefined;
  }
}

/** The way from a leaf to the root that a proof claims (RFC 9162, section 2.1.3.2); whether it ends at the root is for the verifier. */
function pathOf(proof: readonly Uint8Array[], size: bigint, position: bigint, leaf: Uint8Array): PathStep[] {
  let node = position - 1n;
  let last = size - 1n;
  let hash = leaf;
  return proof.map((sibling) => {
    const left = (node & 1n) === 1n || node === last;
    hash = left ? parent(sibling, hash) : parent(hash, sibling);
    if (left) {
      while ((node & 1n) === 0n && node > 0n) {
        node >>= 1n;
        last >>= 1n;
      }
    }
    node >>= 1n;
    last >>= 1n;
    return { sibling: toHex(sibling), left, parent: toHex(hash) };
  });
}
