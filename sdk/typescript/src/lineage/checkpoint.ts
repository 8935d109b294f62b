import { type Digest, fromBase64, quoted, toBase64, utf8 } from "../wire/bytes.js";

/** The largest signed note that is read, in bytes. */
export const MAX_NOTE = 64 << 10;

const MAX_SIZE = 1n << 62n;

/** A tree of a ledger (C2SP tlog-checkpoint). */
export interface Checkpoint {
  origin: string;
  size: bigint;
  root: Uint8Array;
}

/** How a ledger's tree is named to the world: after every loss that governors signed for it is another tree. */
export function checkpointOrigin(trustDomain: string, zone: string, ledger: Digest, losses: number): string {
  const full = `${trustDomain}/${zone}/${ledger}`;
  const origin = utf8(full).length > 240 ? `portcullis/${ledger}` : full;
  return losses > 0 ? `${origin}/loss-${losses}` : origin;
}

/** Reads the text of a note: origin, size and root, each with a newline, in their one spelling. Throws for anything else. */
export function parseCheckpoint(text: string): Checkpoint {
  const lines = text.split("\n");
  const [origin = "", size = "", root = "", end] = lines;
  if (lines.length !== 4 || origin === "" || end !== "") throw new Error("checkpoint: the text has not three lines: origin, size, root");
  if (!/^(0|[1-9][0-9]{0,18})$/.test(size) || BigInt(size) > MAX_SIZE) throw new Error(`checkpoint: size ${quoted(size)}`);
  const hash = fromBase64(root);
  if (hash.length !== 32 || toBase64(hash) !== root) throw new Error(`checkpoint: root ${quoted(root)}`);
  return { origin, size: BigInt(size), root: hash };
}
