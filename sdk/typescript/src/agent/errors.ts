import { Status } from "../gen/portcullis/v1/claim_pb.js";
import type { Reason } from "../gen/portcullis/v1/reason_pb.js";
import { type Position, positionText } from "../ledger/position.js";
import type { Digest } from "../wire/bytes.js";
import { reasonCode } from "../wire/reason.js";

/** Whatever became of a proposal but EXECUTED. */
export abstract class NotDone extends Error {}

/** A DENY. */
export class Refused extends NotDone {
  override name = "Refused";

  constructor(
    readonly intent: Digest,
    readonly at: Position, // where the intent stands
    readonly decidedAt: Position, // where the decision stands
    readonly reasons: readonly string[], // codes of docs/reasons.md
    readonly policies: readonly string[], // that determined it
    readonly explanation: string, // for people
  ) {
    super(`refused (${reasons.join(", ")}) at ledger position ${positionText(decidedAt)}` + (explanation === "" ? "" : `: ${explanation}`));
  }
}

/** An action that was allowed and claimed, and did not succeed. After INDETERMINATE nobody knows: look at the tool's own records before asking again. */
export class NotExecuted extends NotDone {
  override name = "NotExecuted";
  readonly status: string; // FAILED, INTERRUPTED, ABANDONED or INDETERMINATE
  readonly reason: string;

  constructor(
    readonly intent: Digest,
    status: Status,
    reason: Reason,
    readonly claim: Position,
    readonly at: Position, // where the outcome stands
    readonly explanation: string,
  ) {
    const word = Status[status] ?? String(status);
    super(`${word.toLowerCase()} (${reasonCode(reason)}) at ledger position ${positionText(at)}` + (explanation === "" ? "" : `: ${explanation}`));
    this.status = word;
    this.reason = reasonCode(reason);
  }
}

/** The deadline is over and no answer came. Nothing can start any more; whether something did is on the ledger. */
export class Unanswered extends NotDone {
  override name = "Unanswered";

  constructor(
    readonly intent: Digest,
    readonly allowed: boolean, // an ALLOW was heard of
    readonly stored: boolean, // the ledger acknowledged the intent
    cause: Error | undefined, // the last error of sending
  ) {
    const text = stored ? "no answer before the deadline" : "no answer before the deadline, and the ledger never acknowledged the intent";
    super(`${text}; see: portcullis show ${intent}` + (cause === undefined ? "" : ` (${cause.message})`), { cause });
  }
}

/** The intent is definitely not on the ledger; it may be proposed anew, in a new session. */
export class NotSent extends NotDone {
  override name = "NotSent";
}

/** The agent was closed while the proposal waited. */
export class Closed extends NotDone {
  override name = "Closed";
}

/** What became of one append that was not acknowledged as stored. */
export class AppendError extends Error {
  override name = "AppendError";

  constructor(
    readonly fate: "refused" | "unknown" | "unreachable", // of unknown, nobody knows whether it was stored
    subject: string,
    why: string,
  ) {
    super(`append to ${subject}: ${fate}: ${why}`);
  }
}
