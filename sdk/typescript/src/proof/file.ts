import { MAX_NOTE } from "../lineage/checkpoint.js";
import { parsePosition, type Position } from "../ledger/position.js";
import { type Digest, fromBase64, fromUTF8, isDigest, quoted, utf8, ZERO_DIGEST } from "../wire/bytes.js";
import { MAX_ENVELOPE } from "../wire/limits.js";
import type { Nanos } from "../wire/time.js";
import { parseJSON, type Value } from "./json.js";
import { isKind, KINDS, type Kind, ofClaim } from "./kind.js";

/** The form of a proof file and its version. */
export const FORMAT = "portcullis-proof/v1";

const MAX_FILE = 64 << 20; // bytes
const MAX_RECORDS = 4096;
const MAX_HASHES = 63; // of one inclusion proof
const MAX_SUBJECT = 1 << 10; // bytes

/** A proof file (docs/proofs.md): everything that it takes to show what became of one intent. */
export interface ProofFile {
  anchor: Digest; // of the genesis payload
  kind: Kind;
  intent: Digest;
  position: Position; // where the intent stands
  claim: Position | undefined; // of kinds that are about one
  records: ProofRecord[]; // ascending by position
  checkpoint: string; // a C2SP signed note that covers all records
}

/** One record of the ledger with the proof that it stands there. */
export interface ProofRecord {
  position: bigint;
  time: Nanos; // the broker's
  logTime: Nanos;
  subject: string;
  envelope: Uint8Array; // the stored bytes
  inclusion: Uint8Array[];
}

/** Reads a file strictly: no unknown, doubled or missing member, one spelling for each value, every size within its bound, records in order. It verifies nothing. Throws for anything else. */
export function decodeProof(data: Uint8Array | string): ProofFile {
  const size = typeof data === "string" ? utf8(data).length : data.length;
  if (size > MAX_FILE) throw new Error(`not a proof file: ${size} bytes; one has at most ${MAX_FILE}`);
  const text = typeof data === "string" ? data : fromUTF8(data);
  const file = members(parseJSON(text), "the file", ["format", "anchor", "kind", "about", "records", "checkpoint"]);
  if (file.get("format") !== FORMAT) throw new Error(`not a proof file: this is a reader of ${FORMAT}`);
  const kind = string(file.get("kind"), "kind");
  if (!isKind(kind)) throw new Error(`not a proof file: kind ${quoted(kind)}; it is one of ${KINDS.join(", ")}`);
  const about = members(file.get("about"), "about", ofClaim(kind) ? ["intent", "position", "claim"] : ["intent", "position"]);
  const intent = digest(about.get("intent"), "about.intent");
  if (intent === ZERO_DIGEST) throw new Error("not a proof file: it is about no intent");
  return {
    kind, intent,
    anchor: digest(file.get("anchor"), "anchor"),
    position: position(about.get("position"), "about.position"),
    claim: ofClaim(kind) ? position(about.get("claim"), "about.claim") : undefined,
    records: recordsOf(file.get("records")),
    checkpoint: sized(string(file.get("checkpoint"), "checkpoint"), MAX_NOTE, "checkpoint"),
  };
}

function recordsOf(value: Value | undefined): ProofRecord[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > MAX_RECORDS) throw new Error(`not a proof file: it has 1 to ${MAX_RECORDS} records`);
  let before = 0n;
  return value.map((one, i) => {
    const record = recordOf(one, `records[${i}]`);
    if (record.position <= before) throw new Error(`records[${i}]: position ${record.position} after ${before}; positions ascend from 1`);
    before = record.position;
    return record;
  });
}

function recordOf(value: Value, where: string): ProofRecord {
  const record = members(value, where, ["position", "time", "log_time", "subject", "envelope", "inclusion"]);
  const at = record.get("position");
  if (typeof at !== "bigint" || at >= 1n << 64n) throw new Error(`${where}: position is no number of a record`);
  const time = nanos(record.get("time"), `${where}.time`);
  const logTime = nanos(record.get("log_time"), `${where}.log_time`);
  if (logTime < time) throw new Error(`${where}: log time is before the broker's time`);
  const envelope = fromBase64(string(record.get("envelope"), `${where}.envelope`));
  if (envelope.length === 0 || envelope.length > MAX_ENVELOPE) throw new Error(`${where}: an envelope of ${envelope.length} bytes; it has 1 to ${MAX_ENVELOPE}`);
  const subject = sized(string(record.get("subject"), `${where}.subject`), MAX_SUBJECT, `${where}.subject`);
  return { position: at, time, logTime, subject, envelope, inclusion: hashes(record.get("inclusion"), `${where}.inclusion`) };
}

function hashes(value: Value | undefined, where: string): Uint8Array[] {
  if (!Array.isArray(value) || value.length > MAX_HASHES) throw new Error(`${where}: at most ${MAX_HASHES} hashes`);
  return value.map((one) => {
    const hash = fromBase64(string(one, where));
    if (hash.length !== 32) throw new Error(`${where}: a hash of ${hash.length} bytes; it has 32`);
    return hash;
  });
}

function members(value: Value | undefined, where: string, names: string[]): Map<string, Value> {
  if (!(value instanceof Map)) throw new Error(`not a proof file: ${where} is no object`);
  const missing = names.find((name) => !value.has(name));
  const stranger = [...value.keys()].find((name) => !names.includes(name));
  if (missing !== undefined) throw new Error(`not a proof file: ${where} has no ${missing}`);
  if (stranger !== undefined) throw new Error(`not a proof file: ${where} has an unknown member ${quoted(stranger)}`);
  return value;
}

function string(value: Value | undefined, where: string): string {
  if (typeof value !== "string") throw new Error(`not a proof file: ${where} is no text`);
  return value;
}

function sized(text: string, most: number, where: string): string {
  const size = utf8(text).length;
  if (size === 0 || size > most) throw new Error(`${where}: ${size} bytes; it has 1 to ${most}`);
  return text;
}

function digest(value: Value | undefined, where: string): Digest {
  const text = string(value, where);
  if (!isDigest(text)) throw new Error(`${where}: ${quoted(text)} is no SHA-256 in lower-case hexadecimal`);
  return text;
}

function position(value: Value | undefined, where: string): Position {
  const parsed = parsePosition(string(value, where));
  if (parsed === undefined) throw new Error(`${where}: not a position; it is written as 17.0`);
  return parsed;
}

function nanos(value: Value | undefined, where: string): Nanos {
  const text = string(value, where);
  if (!/^[1-9][0-9]{0,18}$/.test(text) || BigInt(text) >= 1n << 63n) throw new Error(`${where}: no time in nanoseconds since 1970`);
  return BigInt(text);
}
