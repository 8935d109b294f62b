import { sha256 } from "@noble/hashes/sha2.js";

/** A SHA-256 as 64 lower-case hexadecimal digits. */
export type Digest = string;

/** The digest of nothing at all: what a record names whose digest has a wrong length. */
export const ZERO_DIGEST: Digest = "0".repeat(64);

const encoder = new TextEncoder();
const strictUTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The SHA-256 of bytes, as a digest. */
export function digestOf(data: Uint8Array): Digest {
  return toHex(sha256(data));
}

/** The digest in a record's 32 bytes; of any other length it is ZERO_DIGEST. */
export function digestIn(raw: Uint8Array): Digest {
  return raw.length === 32 ? toHex(raw) : ZERO_DIGEST;
}

/** Whether a text is a digest in its one spelling. */
export function isDigest(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}

/** Bytes as lower-case hexadecimal. */
export function toHex(data: Uint8Array): string {
  let text = "";
  for (const b of data) text += b.toString(16).padStart(2, "0");
  return text;
}

/** The bytes of a hexadecimal text; throws if it is none. */
export function fromHex(text: string): Uint8Array {
  if (!/^([0-9a-fA-F]{2})*$/.test(text)) throw new Error(`not hexadecimal: ${text.slice(0, 40)}`);
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const values = new Map([...alphabet].map((c, i) => [c, i] as const));

/** Bytes in standard base64 with padding (RFC 4648, section 4). */
export function toBase64(data: Uint8Array): string {
  let text = "";
  for (let i = 0; i < data.length; i += 3) {
    const left = data.length - i;
    const group = ((data[i] ?? 0) << 16) | ((data[i + 1] ?? 0) << 8) | (data[i + 2] ?? 0);
    text += alphabet.charAt(group >> 18) + alphabet.charAt((group >> 12) & 63);
    text += left > 1 ? alphabet.charAt((group >> 6) & 63) : "=";
    text += left > 2 ? alphabet.charAt(group & 63) : "=";
  }
  return text;
}

/** The bytes of standard base64 in its one spelling; throws for any other text. */
export function fromBase64(text: string): Uint8Array {
  if (text.length % 4 !== 0) throw new Error(`not base64: its length is ${text.length}`);
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  const data = new Uint8Array((text.length / 4) * 3 - padding);
  for (let i = 0, out = 0; i < text.length; i += 4, out += 3) {
    let group = 0;
    for (let j = 0; j < 4; j++) {
      const padded = i + j >= text.length - padding;
      const value = padded ? 0 : values.get(text.charAt(i + j));
      if (value === undefined) throw new Error(`not base64: ${JSON.stringify(text.slice(i, i + 4))}`);
      group = (group << 6) | value;
    }
    for (let j = 0; j < 3 && out + j < data.length; j++) data[out + j] = (group >> (16 - 8 * j)) & 255;
    if (i + 4 === text.length && padding > 0 && (group & (padding === 2 ? 0xffff : 0xff)) !== 0) {
      throw new Error("not base64 in its one spelling: bits are left over");
    }
  }
  return data;
}

/** Text as UTF-8; throws if it holds half a character (a lone surrogate), which has no bytes. */
export function utf8(text: string): Uint8Array {
  if (!text.isWellFormed()) throw new Error(`not Unicode: ${quoted(text)}`);
  return encoder.encode(text);
}

/** UTF-8 as text; throws if it is not valid. */
export function fromUTF8(data: Uint8Array): string {
  return strictUTF8.decode(data);
}

/** How many code points a text has. */
export function runes(text: string): number {
  let n = 0;
  for (const _ of text) n++;
  return n;
}

/** All parts, one after the other. */
export function concat(...parts: Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const p of parts) {
    all.set(p, at);
    at += p.length;
  }
  return all;
}

/** Whether two byte strings are the same. Nothing compared here is a secret. */
export function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((x, i) => x === b[i]);
}

/** A 64-bit unsigned integer, big-endian. */
export function uint64(n: bigint): Uint8Array {
  const b = new Uint8Array(8);
  new DataView(b.buffer).setBigUint64(0, BigInt.asUintN(64, n));
  return b;
}

/** Text on one line and not endless, for errors: what it tells may come from a stranger. */
export function quoted(text: string, most = 80): string {
  return JSON.stringify([...text.slice(0, 2 * most)].slice(0, most).join(""));
}
