import { GovernanceSchema } from "$sdk/gen/portcullis/v1/governance_pb";
import { parseEnvelope } from "$sdk/trust/envelope";
import { type Digest, digestIn, digestOf, fromBase64, toBase64 } from "$sdk/wire/bytes";
import { decode } from "$sdk/wire/decode";
import { MAX_PAYLOAD } from "$sdk/wire/limits";
import { governanceType } from "./record";

/** A resume on its way from one governor to the next: the file that `portcullis resume` writes and signs. It holds no secret. */
export interface ResumeFile {
  envelope: Uint8Array;
  halts: Uint8Array[]; // payloads of the halts and trips that it lifts
}

const format = "portcullis-resume-v1";
const largest = 8 << 20; // bytes
const notOne = "this is no resume on its way; give the file that portcullis resume, or this page, wrote";

/** Reads a file strictly: the halts shown must be exactly those that the record lifts. */
export async function readResumeFile(file: File): Promise<ResumeFile> {
  if (file.size > largest) throw new Error(`${notOne}: it has ${file.size} bytes`);
  return parseResumeFile(await file.text());
}

/** Reads a file's text; see readResumeFile. */
export function parseResumeFile(text: string): ResumeFile {
  const { resume, halts } = fieldsOf(text);
  let found: ResumeFile;
  try {
    found = { envelope: fromBase64(resume), halts: halts.map(fromBase64) };
    demandMatch(found);
  } catch (err) {
    throw new Error(`${notOne}: ${(err as Error).message}`, { cause: err });
  }
  return found;
}

function fieldsOf(text: string): { resume: string; halts: string[] } {
  let object: unknown;
  try {
    object = JSON.parse(text);
  } catch (err) {
    throw new Error(notOne, { cause: err });
  }
  const fields = (typeof object === "object" && object !== null ? object : {}) as Record<string, unknown>;
  const { format: of, resume, halts, ...more } = fields;
  const whole = of === format && typeof resume === "string" && Array.isArray(halts) && halts.every((h) => typeof h === "string");
  if (!whole || Object.keys(more).length > 0) throw new Error(notOne);
  return { resume, halts };
}

function demandMatch(file: ResumeFile): void {
  const lifted = new Set(lifts(file));
  const shown = new Set(file.halts.map(digestOf));
  if (file.halts.length !== shown.size || lifted.size !== shown.size || ![...lifted].every((id) => shown.has(id))) {
    throw new Error(`it lifts ${lifted.size} halts and shows ${file.halts.length} others`);
  }
  for (const payload of file.halts) {
    const { record } = decode(GovernanceSchema, payload, MAX_PAYLOAD);
    if (record.case !== "halt" && record.case !== "trip") throw new Error("what it shows is no halt and no trip");
  }
}

/** The halts that a file's record lifts. Throws if it is no resume. */
export function lifts(file: ResumeFile): Digest[] {
  const env = parseEnvelope(file.envelope);
  const { record } = decode(GovernanceSchema, env.payload, MAX_PAYLOAD);
  if (env.payloadType !== governanceType || record.case !== "resume") throw new Error("its record is no resume");
  return record.value.halts.map(digestIn);
}

/** The file's text, byte for byte as the command line writes it. */
export function resumeFileText(file: ResumeFile): string {
  return JSON.stringify({ format, resume: toBase64(file.envelope), halts: file.halts.map(toBase64) }, null, 2) + "\n";
}
