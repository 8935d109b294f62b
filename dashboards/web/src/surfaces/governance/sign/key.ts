import { publicKey as publicKeyOf, verify } from "$sdk/trust/ed25519";
import { concat, type Digest, digestOf, equal, utf8 } from "$sdk/wire/bytes";

/** A key that can sign, and whose private half nobody can read back from it. */
export interface HeldKey {
  readonly id: Digest;
  readonly publicKey: Uint8Array;
  readonly how: string; // for people: where it is
  sign(message: Uint8Array): Promise<Uint8Array>;
}

const begin = utf8("-----BEGIN PRIVATE KEY-----");
const end = utf8("-----END PRIVATE KEY-----");
/** PKCS #8 of an Ed25519 key (RFC 8410) up to its 32-byte seed. */
const pkcs8Head = Uint8Array.of(0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20);
const noKey = "this is no signing key: a signing key is one PEM block of type PRIVATE KEY with an Ed25519 key (PKCS #8), and nothing else";

/** The longest file that is looked into, in bytes. */
const longest = 4096;

/** Reads a chosen file. Its bytes are the caller's to wipe. */
export async function bytesOf(file: File): Promise<Uint8Array<ArrayBuffer>> {
  if (file.size > longest) throw new Error(`${file.name} has ${file.size} bytes; ${noKey}`);
  return new Uint8Array(await file.arrayBuffer());
}

/**
 * The PKCS #8 bytes in a PEM text (RFC 7468), as strictly as core/trust reads it. No text is made of the
 * secret: what is made here can be wiped.
 */
export function pkcs8Of(pem: Uint8Array): Uint8Array<ArrayBuffer> {
  const text = trimmed(pem);
  if (!equal(text.subarray(0, begin.length), begin) || !equal(text.subarray(text.length - end.length), end)) throw new Error(noKey);
  const der = decodeBase64(text.subarray(begin.length, text.length - end.length));
  if (der.length !== pkcs8Head.length + 32 || !equal(der.subarray(0, pkcs8Head.length), pkcs8Head)) {
    der.fill(0);
    throw new Error(noKey);
  }
  return der;
}

/** Holds the key in PKCS #8 bytes, which are wiped. It cannot be exported again. */
export async function hold(pkcs8: Uint8Array<ArrayBuffer>, how: string): Promise<HeldKey> {
  try {
    const publicKey = publicKeyOf(pkcs8.subarray(pkcs8Head.length));
    const key = await crypto.subtle.importKey("pkcs8", pkcs8, "Ed25519", false, ["sign"]);
    const sign = async (message: Uint8Array): Promise<Uint8Array> => {
      const sig = new Uint8Array(await crypto.subtle.sign("Ed25519", key, concat(message) as Uint8Array<ArrayBuffer>));
      if (!verify(publicKey, message, sig)) throw new Error("this browser made a signature that does not verify; use another browser, or the command line");
      return sig;
    };
    return { id: digestOf(publicKey), publicKey, how, sign };
  } finally {
    pkcs8.fill(0);
  }
}

function trimmed(data: Uint8Array): Uint8Array {
  let to = data.length;
  while (to > 0 && isBlank(data[to - 1])) to--;
  return data.subarray(0, to);
}

function isBlank(b: number | undefined): boolean {
  return b === 0x0a || b === 0x0d;
}

function valueOf(b: number): number {
  if (b >= 0x41 && b <= 0x5a) return b - 0x41;
  if (b >= 0x61 && b <= 0x7a) return b - 0x61 + 26;
  if (b >= 0x30 && b <= 0x39) return b - 0x30 + 52;
  return b === 0x2b ? 62 : b === 0x2f ? 63 : -1;
}

/** Standard base64, in lines, from bytes to bytes. */
function decodeBase64(text: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(Math.floor((text.length * 3) / 4));
  let at = 0;
  let held = 0;
  let bits = 0;
  let padded = false;
  for (const b of text) {
    if (isBlank(b)) continue;
    if (b === 0x3d) {
      padded = true;
      continue;
    }
    const value = valueOf(b);
    if (value < 0 || padded) throw new Error(noKey);
    held = ((held << 6) | value) & 0xffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out[at++] = (held >> bits) & 0xff;
    }
  }
  const data = out.slice(0, at);
  out.fill(0);
  return data;
}
