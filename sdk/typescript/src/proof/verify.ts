import { type Digest, ZERO_DIGEST } from "../wire/bytes.js";
import { decodeProof, type ProofFile } from "./file.js";
import { concluded, type Kind } from "./kind.js";
import { notEstablished } from "./limits.js";
import type { Result, Step, StepName } from "./result.js";
import { Verification } from "./verification.js";

/**
 * Judges a proof file by the digest of the genesis that its caller trusts
 * (docs/proofs.md): the bytes of the file, or its text. It never throws: what
 * does not hold is a step that is not established, and none after it is judged.
 */
export function verifyProof(data: Uint8Array | string, anchor: Digest): Result {
  return verified(data, anchor).result;
}

/** verifyProof, which also gives what it read of a file that is one. */
export function verified(data: Uint8Array | string, anchor: Digest): { result: Result; work: Verification | undefined } {
  let file: ProofFile;
  try {
    file = decodeProof(data);
  } catch (err) {
    const form: Step = { name: "form", what: what.form, established: false, detail: plain(err) };
    const nothing = { ok: false, failed: "form" as const, kind: undefined, intent: ZERO_DIGEST, steps: [form], notEstablished: ["Anything at all."] };
    return { result: nothing, work: undefined };
  }
  const work = new Verification(file, anchor);
  return { result: judge(file, work), work };
}

const what = {
  form: "The file is a proof file of a form that this verifier knows.",
  anchor: "It is about the ledger that you trust.",
  records: "Every record in it is authentic and authorised where it stands, from genesis on.",
  checkpoint: "Its checkpoint is signed as the release in force demands.",
  inclusion: "Every record stands in the checkpoint's tree at its position.",
  intent: "The intent stands on the ledger, signed by its agent.",
  allowed: "A quorum of enforcers allowed exactly this intent.",
  evaluated: "A quorum of enforcers allowed exactly this intent, which asked for a decision only.",
  denied: "A quorum of enforcers denied exactly this intent.",
  valid: "The executor's claim is valid where it stands: it had authority to act.",
  void: "The claim is void where it stands: it gave no authority to act.",
  deadline: "The intent's deadline is behind: no later claim on it can be valid.",
  history: "No governance record was left out, from genesis to what the verdict rests on.",
} as const;

type Judgement = [name: StepName, what: string, judge: () => string];

/** The steps of a kind, in order. */
function stepsOf(kind: Kind, v: Verification): Judgement[] {
  const all: Judgement[] = [
    ["form", what.form, () => v.judgeForm()],
    ["anchor", what.anchor, () => v.judgeAnchor()],
    ["records", what.records, () => v.judgeRecords()],
    ["checkpoint", what.checkpoint, () => v.judgeCheckpoint()],
    ["inclusion", what.inclusion, () => v.judgeInclusion()],
    ["intent", what.intent, () => v.judgeIntent()],
  ];
  if (concluded(kind) || kind === "claimed") {
    all.push(["decision", what.allowed, () => v.judgeDecision()], ["claim", what.valid, () => v.judgeClaim()]);
  }
  if (concluded(kind)) all.push(["outcome", `The executor of that claim reported the outcome ${kind.toUpperCase()}.`, () => v.judgeOutcome()]);
  if (kind === "void") all.push(["claim", what.void, () => v.judgeVoid()]);
  if (kind === "denied") all.push(["decision", what.denied, () => v.judgeDecision()]);
  if (kind === "evaluated") all.push(["decision", what.evaluated, () => v.judgeDecision()]);
  if (kind === "expired") all.push(["deadline", what.deadline, () => v.judgeDeadline()]);
  all.push(["history", what.history, () => v.judgeHistory()]);
  return all;
}

function judge(file: ProofFile, v: Verification): Result {
  let failed: StepName | undefined;
  const steps = stepsOf(file.kind, v).map(([name, sentence, one]): Step => {
    const step = { name, what: sentence };
    if (failed !== undefined) return { ...step, established: false, detail: `not judged, because it rests on the step ${failed}` };
    try {
      return { ...step, established: true, detail: one() };
    } catch (err) {
      failed = name;
      return { ...step, established: false, detail: plain(err) };
    }
  });
  const limits = notEstablished(file.kind, v.keys?.threshold, v.decided?.decision, v.claim);
  return { ok: failed === undefined, failed, kind: file.kind, intent: file.intent, steps, notEstablished: limits };
}

/** An error on one line: what it tells may come from the file. */
function plain(err: unknown): string {
  const text = err instanceof Error ? err.message : String(err);
  return text.split(/\s+/).filter((word) => word !== "").join(" ");
}
