import { type Decision, Verdict } from "../gen/portcullis/v1/decision_pb.js";
import { Reason } from "../gen/portcullis/v1/reason_pb.js";
import { concluded, type Kind } from "./kind.js";
import type { Judged } from "./reading.js";

/** Whether a decision denies for want of approvals and nothing else. */
export function isPending(d: Decision): boolean {
  return !d.evaluation && d.verdict !== Verdict.ALLOW && d.reasons.length === 1 && d.reasons[0] === Reason.APPROVAL_PENDING;
}

/** Whether a denial opens no further round, whatever follows. */
export function isFinal(d: Decision): boolean {
  return d.round === 0 ? !isPending(d) : d.reasons.includes(Reason.APPROVAL_REFUSED);
}

/** What records that somebody chose from a ledger cannot show, in sentences. */
export function notEstablished(kind: Kind, witnesses: number | undefined, decision: Decision | undefined, claim: Judged | undefined): string[] {
  const all = [
    "That the recorder's log times are those of the broker: they are as it signed them; an audit compares them.",
    "That nothing follows in the ledger after the records of this file.",
    "That no record of it repeats an earlier one, and no key of it was bound to somebody else before: of two such the earlier counts.",
    "That the recorder's keys, and the witnesses', were not replaced or revoked since, after the last governance record of this file.",
    "That the sentinel whose pulse witnesses the history was not revoked before it: whoever has its old key can name an old head.",
  ];
  if (witnesses === 0) all.push("That others were shown the same ledger: the release asks for no witness, so the recorder alone vouches for it.");
  all.push(...ofKind(kind));
  if (decision !== undefined) all.push(...ofDecision(kind, decision));
  if (kind === "void" && claim !== undefined) all.push(...(ofVoid.get(claim.void) ?? []));
  return all;
}

const ofClaimed = [
  "That no earlier claim on this intent is valid: if there is one, this one is void.",
  "That no newer pulse before the claim names another history: if there is one, the claim is void.",
  "That no later round denied it before the claim, as after an approver's no: if one did, the claim is void. An audit tells.",
];

function ofKind(kind: Kind): string[] {
  if (concluded(kind)) {
    return [
      ...ofClaimed,
      "That the executor's report is true: whether the action took effect, and nothing else did, only the tool's own records tell.",
      "That no earlier outcome of this claim says otherwise.",
    ];
  }
  switch (kind) {
    case "claimed":
      return ofClaimed;
    case "void":
      return ["That no other claim on this intent is valid."];
    case "denied":
    case "evaluated":
      return ["That nobody acted all the same outside an executor."];
    default:
      return ["That no quorum decided on it before the deadline.", "That no valid claim on it stands before the deadline."];
  }
}

function ofDecision(kind: Kind, d: Decision): string[] {
  const all = ["That the policies and limits of the release give this verdict: the enforcers signed it; an audit derives it again."];
  if (d.round > 0) all.push("That as many people approved as a policy asks for: the enforcers counted them; an audit does it again.");
  if (kind === "denied" && !isFinal(d)) all.push("That no answer before the deadline opened a later round that allowed it.");
  if (kind === "denied" && d.round > 0) all.push("That no earlier round allowed it, with a valid claim before this one denied it.");
  return all;
}

/** Of reasons that records left out would end: rounds of decisions, and what makes another claim void. */
const ofVoid: ReadonlyMap<Reason, string[]> = new Map([
  [Reason.CLAIM_DENIED, ["That no later round allowed the intent before the claim."]],
  [Reason.CLAIM_STALE_EPOCH, ["That no later round decided on the intent in the claim's epoch."]],
  [Reason.CLAIM_SECOND, ["That the earlier claim is valid: a newer pulse or a later round before it may make it void, and this one the first."]],
]);
