import { type Answer } from "../gen/portcullis/v1/answer_pb.js";
import { OutcomeSchema, Status } from "../gen/portcullis/v1/claim_pb.js";
import { DecisionSchema, Verdict } from "../gen/portcullis/v1/decision_pb.js";
import { Role } from "../gen/portcullis/v1/release_pb.js";
import { type Position, positionOf } from "../ledger/position.js";
import { isPending } from "../proof/limits.js";
import type { Credential } from "../trust/credential.js";
import { type Digest, digestIn, digestOf } from "../wire/bytes.js";
import { decode } from "../wire/decode.js";
import { MAX_ITEM } from "../wire/limits.js";
import { reasonCode } from "../wire/reason.js";
import { AppendError, NotExecuted, NotSent, Refused, Unanswered } from "./errors.js";

/** An action that was executed. */
export interface Outcome {
  intent: Digest;
  claim: Position; // the fencing token under which it was done
  at: Position; // where the outcome stands
  result: Uint8Array; // what the handler returned
  explanation: string; // for people: why there is no result, if it was too large
}

/** One proposal that waits for what becomes of it. */
export class Waiting {
  readonly done: Promise<Outcome>;

  private settle!: (o: Outcome) => void;
  private reject!: (err: Error) => void;
  private allowed = false;
  private stored = false;
  private unknown = false; // a copy was sent of which nobody knows whether it was stored
  private cause: Error | undefined;
  private pending: Refused | undefined; // it waits for approvals
  private told = 0; // rounds that tell was told of

  constructor(readonly intent: Digest, readonly deadline: number, private readonly tell: ((why: Refused) => void) | undefined) {
    this.done = new Promise((settle, reject) => {
      this.settle = settle;
      this.reject = reject;
    });
    this.done.catch(() => undefined); // whoever waits hears of it
  }

  /** Takes a decision that an authentic answer holds. One by the wrong signer, or of another intent, throws. */
  decided(answer: Answer, data: Uint8Array, signer: Credential): void {
    const d = decode(DecisionSchema, data, MAX_ITEM);
    if (signer.id.role !== Role.ENFORCER || digestIn(d.intentDigest) !== this.intent) throw new Error(`a decision on another intent, or by ${signer.spiffeID}`);
    if (d.evaluation) throw new Error(`a decision by ${signer.spiffeID} that nobody can act on`);
    if (d.verdict === Verdict.ALLOW) {
      this.allowed = true;
      return;
    }
    const refused = new Refused(this.intent, positionOf(d.intent), positionOf(answer.position), d.reasons.map(reasonCode), d.policies, answer.explanation);
    if (isPending(d)) this.waits(refused, d.round);
    else this.reject(refused);
  }

  /** Takes an outcome that an authentic answer holds. One by another than its executor, or with another result, throws. */
  concluded(answer: Answer, data: Uint8Array, signer: Credential): void {
    const o = decode(OutcomeSchema, data, MAX_ITEM);
    if (signer.id.role !== Role.EXECUTOR || o.executor !== signer.spiffeID || digestIn(o.intentDigest) !== this.intent) {
      throw new Error(`an outcome of another intent, or by ${signer.spiffeID}`);
    }
    const { result, explanation } = answer;
    if (result.length > 0 && digestOf(result) !== digestIn(o.resultDigest)) throw new Error(`the result from ${signer.spiffeID} is not the one whose digest stands in the outcome`);
    const [claim, at] = [positionOf(o.claim), positionOf(answer.position)];
    if (o.status === Status.EXECUTED) this.settle({ intent: this.intent, claim, at, result, explanation });
    else this.reject(new NotExecuted(this.intent, o.status, o.reason, claim, at, explanation));
  }

  /** The ledger acknowledged a copy of the intent. */
  sent(): void {
    this.stored = true;
    this.cause = undefined;
  }

  /** A copy was not acknowledged; reports whether the same bytes are to be sent again. */
  notSent(err: Error): boolean {
    const fate = err instanceof AppendError ? err.fate : "refused";
    this.unknown ||= fate === "unknown";
    this.cause = err;
    if (fate !== "refused" && Date.now() < this.deadline) return true;
    if (!this.stored && !this.unknown) this.reject(new NotSent(`the intent is not on the ledger: ${err.message}`, { cause: err }));
    return false; // else a copy may be there: only its answer or the deadline ends the wait
  }

  fail(err: Error): void {
    this.reject(err);
  }

  /** The deadline is over. */
  unanswered(): void {
    const approval = this.allowed ? undefined : this.pending;
    this.reject(approval ?? new Unanswered(this.intent, this.allowed, this.stored, this.cause));
  }

  /** It waits for approvals, at most until the deadline. Several enforcers answer. */
  private waits(why: Refused, round: number): void {
    if (this.allowed || round < this.told) return;
    this.pending = why;
    this.told = round + 1;
    this.tell?.(why);
  }
}
