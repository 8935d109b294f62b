import type { Position as Proto } from "../gen/portcullis/v1/envelope_pb.js";

/** Where an item stands on a ledger: stream sequence, from 1, and index in the list at that sequence. */
export interface Position {
  sequence: bigint;
  index: number;
}

/** The position in a record; one that is not there is before the first record. */
export function positionOf(p: Proto | undefined): Position {
  return { sequence: p?.sequence ?? 0n, index: p?.index ?? 0 };
}

export function samePosition(a: Position, b: Position): boolean {
  return a.sequence === b.sequence && a.index === b.index;
}

/** "sequence.index". */
export function positionText(p: Position): string {
  return `${p.sequence}.${p.index}`;
}

/** Reads "sequence.index" in its one spelling; undefined for anything else. */
export function parsePosition(text: string): Position | undefined {
  const parts = /^([1-9][0-9]{0,19})\.(0|[1-9][0-9]{0,2})$/.exec(text);
  const sequence = BigInt(parts?.[1] ?? 0);
  const index = Number(parts?.[2] ?? 0);
  return sequence > 0n && sequence < 1n << 64n && index < 512 ? { sequence, index } : undefined;
}

/** The position as one growing number, for systems downstream that refuse an older fencing token. */
export function fencingToken(p: Position): bigint {
  return p.sequence * 512n + BigInt(p.index);
}
