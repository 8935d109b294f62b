import { fromBase64, utf8 } from "../wire/bytes.js";
import { isKeyName, type Verifier } from "./verifier.js";

/** A signed note (C2SP signed-note) whose known signatures verify. */
export interface Note {
  text: string;
  signed: ReadonlySet<Verifier>;
}

const MAX_SIGNATURES = 100;

/** Opens a signed note: a signature of a known key that does not verify, and a note without any that is known, throw. */
export function openNote(note: string, known: readonly Verifier[]): Note {
  if (/[\u0000-\u0009\u000b-\u001f]/.test(note) || !note.isWellFormed()) throw new Error("note: control characters, or no Unicode");
  const split = note.lastIndexOf("\n\n");
  if (split < 0 || !note.endsWith("\n") || split + 2 >= note.length) throw new Error("note: it has no signatures");
  const text = note.slice(0, split + 1);
  const lines = note.slice(split + 2, -1).split("\n");
  if (lines.length > MAX_SIGNATURES) throw new Error(`note: ${lines.length} signatures`);
  const signed = new Set<Verifier>();
  for (const line of lines) {
    const { name, hash, sig } = parseSignature(line);
    const key = known.find((v) => v.name === name && v.hash === hash);
    if (key === undefined || signed.has(key)) continue; // a stranger's, or the same key's once more
    if (!key.verify(text, sig)) throw new Error(`note: the signature in the name of ${name} does not verify`);
    signed.add(key);
  }
  if (signed.size === 0) throw new Error("note: nobody who is known signed it");
  return { text, signed };
}

function parseSignature(line: string): { name: string; hash: number; sig: Uint8Array } {
  const parts = /^\u2014 ([^ ]*) (.+)$/u.exec(line);
  const name = parts?.[1] ?? "";
  const raw = fromBase64(parts?.[2] ?? "");
  if (!isKeyName(name) || raw.length < 5 || utf8(name).length === 0) throw new Error("note: a signature line that is none");
  return { name, hash: new DataView(raw.buffer, raw.byteOffset).getUint32(0), sig: raw.subarray(4) };
}
