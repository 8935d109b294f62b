import { fromUTF8, toHex } from "../wire/bytes.js";
import type { Nanos } from "../wire/time.js";
import { oidText, Reader, TAG, wholeBits } from "./der.js";

/** What is read of an X.509 certificate (RFC 5280). Reading verifies nothing. */
export interface Certificate {
  tbs: Uint8Array; // what its issuer signed
  algorithm: string; // OID of that signature
  signature: Uint8Array;
  issuer: string; // both names as hexadecimal DER
  subject: string;
  notBefore: Nanos;
  notAfter: Nanos; // inclusive
  spki: Uint8Array; // SubjectPublicKeyInfo
  key: PublicKey;
  isCA: boolean;
  pathLength: number; // -1: not bounded
  keyUsage: number; // bits of KeyUsage from the least; 0 if it has none
  san: Uint8Array; // SubjectAltName, empty if it has none
}

/** A public key: its algorithm, its curve (of EC keys), and its raw bytes. */
export interface PublicKey {
  algorithm: string;
  curve: string;
  raw: Uint8Array;
}

export const USAGE_DIGITAL_SIGNATURE = 1 << 0;
export const USAGE_CERT_SIGN = 1 << 5;
export const USAGE_CRL_SIGN = 1 << 6;

/** Reads a DER certificate strictly. Throws for what it does not know to be harmless: an unknown critical extension, name constraints. */
export function parseCertificate(der: Uint8Array): Certificate {
  const outer = new Reader(der);
  const fields = outer.enter(TAG.sequence);
  outer.end();
  const tbs = fields.expect(TAG.sequence);
  const algorithm = fields.expect(TAG.sequence);
  const signature = wholeBits(fields.expect(TAG.bitString).content);
  fields.end();
  return { tbs: tbs.whole, algorithm: algorithmOf(algorithm.content), signature, ...parseBody(new Reader(tbs.content), algorithm.whole) };
}

type Body = Omit<Certificate, "tbs" | "algorithm" | "signature">;

function parseBody(body: Reader, outerAlgorithm: Uint8Array): Body {
  const version = body.enter(0xa0);
  if (toHex(version.expect(TAG.integer).content) !== "02") throw new Error("certificate: not of version 3");
  version.end();
  body.expect(TAG.integer); // serial number
  if (toHex(body.expect(TAG.sequence).whole) !== toHex(outerAlgorithm)) throw new Error("certificate: it names two signature algorithms");
  const issuer = toHex(body.expect(TAG.sequence).whole);
  const validity = body.enter(TAG.sequence);
  const [notBefore, notAfter] = [parseTime(validity), parseTime(validity)];
  validity.end();
  const subject = toHex(body.expect(TAG.sequence).whole);
  const spki = body.expect(TAG.sequence);
  const extensions = parseExtensions(body);
  return { issuer, subject, notBefore, notAfter, spki: spki.whole, key: parseKey(new Reader(spki.content)), ...extensions };
}

function parseKey(r: Reader): PublicKey {
  const id = r.enter(TAG.sequence);
  const algorithm = oidText(id.expect(TAG.oid).content);
  const curve = id.peek() === TAG.oid ? oidText(id.next().content) : "";
  const raw = wholeBits(r.expect(TAG.bitString).content);
  r.end();
  return { algorithm, curve, raw };
}

function algorithmOf(content: Uint8Array): string {
  return oidText(new Reader(content).expect(TAG.oid).content);
}

/** UTCTime and GeneralizedTime as RFC 5280 allows them: to the second, UTC. */
function parseTime(r: Reader): Nanos {
  const { tag, content } = r.next();
  const text = fromUTF8(content);
  const digits = tag === TAG.utcTime ? /^(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/ : /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/;
  const parts = digits.exec(text)?.slice(1).map(Number);
  if ((tag !== TAG.utcTime && tag !== TAG.generalizedTime) || parts === undefined) throw new Error("certificate: a time that is none");
  const [written = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts;
  const year = tag === TAG.generalizedTime ? written : written + (written < 50 ? 2000 : 1900);
  const at = new Date(Date.UTC(year, month - 1, day, hour, minute, second));
  if (year < 1000 || at.getUTCMonth() !== month - 1 || at.getUTCDate() !== day || hour > 23 || minute > 59 || second > 59) {
    throw new Error("certificate: a time that is none");
  }
  return BigInt(at.getTime()) * 1_000_000n;
}

type Extensions = Pick<Certificate, "isCA" | "pathLength" | "keyUsage" | "san">;

/** Extensions that say nothing which is judged here: key identifiers, policies, extended key usage. */
const harmless = new Set(["2.5.29.14", "2.5.29.35", "2.5.29.32", "2.5.29.37"]);
const nameConstraints = "2.5.29.30";

function parseExtensions(body: Reader): Extensions {
  const found: Extensions = { isCA: false, pathLength: -1, keyUsage: 0, san: new Uint8Array() };
  if (body.done()) return found;
  const outer = body.enter(0xa3);
  const list = outer.enter(TAG.sequence);
  outer.end();
  body.end();
  const seen = new Set<string>();
  while (!list.done()) {
    const one = list.enter(TAG.sequence);
    const id = oidText(one.expect(TAG.oid).content);
    const critical = one.peek() === TAG.boolean && one.next().content[0] !== 0;
    const value = one.expect(TAG.octetString).content;
    one.end();
    if (seen.has(id)) throw new Error(`certificate: extension ${id} stands twice`);
    seen.add(id);
    readExtension(found, id, critical, value);
  }
  return found;
}

function readExtension(found: Extensions, id: string, critical: boolean, value: Uint8Array): void {
  if (id === "2.5.29.19") readBasicConstraints(found, value);
  else if (id === "2.5.29.15") found.keyUsage = parseKeyUsage(value);
  else if (id === "2.5.29.17") found.san = value;
  else if (id === nameConstraints || (critical && !harmless.has(id))) throw new Error(`certificate: extension ${id} is not known here`);
}

function readBasicConstraints(found: Extensions, value: Uint8Array): void {
  const whole = new Reader(value);
  const r = whole.enter(TAG.sequence);
  whole.end();
  if (r.peek() === TAG.boolean) found.isCA = r.next().content[0] === 0xff;
  if (r.done()) return;
  const most = r.expect(TAG.integer).content;
  r.end();
  if (most.length !== 1 || (most[0] ?? 0) > 127) throw new Error("certificate: a path length that none has");
  found.pathLength = most[0] ?? 0;
}

function parseKeyUsage(value: Uint8Array): number {
  const whole = new Reader(value);
  const bits = whole.expect(TAG.bitString).content;
  whole.end();
  let usage = 0;
  for (let i = 0; i < 8 * (bits.length - 1); i++) {
    if (((bits[1 + (i >> 3)] ?? 0) >> (7 - (i & 7))) & 1) usage |= 1 << i;
  }
  return usage;
}
