import { type Outcome, OutcomeSchema } from "../gen/portcullis/v1/claim_pb.js";
import { type Decision, DecisionSchema } from "../gen/portcullis/v1/decision_pb.js";
import { type Intent, IntentSchema } from "../gen/portcullis/v1/intent_pb.js";
import type { Release } from "../governance/release.js";
import { Book, type Ruling } from "../ledger/book.js";
import { type Body, Fold, type LedgerRecord } from "../ledger/fold.js";
import type { Item, Message } from "../ledger/parse.js";
import { type Position, positionOf, samePosition } from "../ledger/position.js";
import { Tally } from "../ledger/tally.js";
import type { Credential } from "../trust/credential.js";
import { type Digest, digestIn } from "../wire/bytes.js";
import { tryDecode } from "../wire/decode.js";
import { MAX_INTENT, MAX_ITEM } from "../wire/limits.js";
import type { Nanos } from "../wire/time.js";

/** The ledger's state at one position. */
export interface Moment {
  at: bigint;
  epoch: bigint;
  release: Release | undefined;
  logTime: Nanos;
}

/** The intent as it stands on the ledger; without content if it cannot be read. */
export interface Asked extends Moment {
  position: Position;
  agent: string;
  content: Intent | undefined;
}

/** One enforcer's decision on the intent. */
export interface Vote {
  at: bigint;
  enforcer: Credential;
  digest: Digest;
}

/** A decision that enough enforcers signed, up to the last of them. */
export interface Quorum extends Moment {
  decision: Decision;
  votes: Vote[]; // the first of each distinct enforcer
}

/** One approver's answer. */
export interface Answered extends Moment {
  approver: string;
  approve: boolean;
}

/** A claim on the intent, judged where it stands. */
export interface Judged extends Moment, Ruling {
  pulse: Named | undefined; // the newest before it
  quorum: Quorum | undefined; // on which it was judged
}

/** An outcome of one of the claims. */
export interface Report extends Moment {
  position: Position;
  tool: string; // in the record's subject
  signer: string;
  outcome: Outcome;
  headFault: string; // why the governance head that it names is not on this chain
}

/** A pulse: who has read up to where, and named which governance head. */
export interface Named extends Moment {
  sentinel: string; // its name
  read: bigint; // the last position of its span; 0 if it names none
  number: bigint;
  fault: string; // why the head is not on this chain
}

/** What records say of one intent, in their order. */
export class Reading {
  readonly fold: Fold;
  asked: Asked | undefined;
  decided: Quorum | undefined; // of the newest round that has a quorum
  readonly approvals: Answered[] = [];
  readonly rulings: Judged[] = [];
  readonly reports: Report[] = [];
  readonly pulses: Named[] = [];

  private readonly book = new Book();
  private readonly tally = new Tally();
  private readonly votes: Vote[] = [];
  private booked: Quorum | undefined; // the newest that claims can rest on

  constructor(anchor: Digest, zone: string, private readonly intent: Digest) {
    this.fold = new Fold(anchor, zone);
  }

  /** Folds one message. One that is noise throws. */
  step(m: Message): void {
    const record = this.fold.step(m);
    const { body, signer } = record;
    if (signer !== undefined) this.note(record, body, signer);
  }

  /** The ledger's state now. */
  now(): Moment {
    const { governance, sequence, logTime } = this.fold;
    return { at: sequence, epoch: governance.epoch, release: governance.release, logTime };
  }

  /** The ruling on the claim at a position. */
  ruling(at: Position | undefined): Judged | undefined {
    return this.rulings.find((r) => at !== undefined && samePosition(r.position, at));
  }

  /** The first report of a claim by its own executor: a second one is drift, not a change of mind. */
  concludes(claim: Judged): Report | undefined {
    return this.reports.find(
      (r) => samePosition(positionOf(r.outcome.claim), claim.position) && r.signer === claim.executor && r.outcome.executor === r.signer,
    );
  }

  private note(record: LedgerRecord, body: Body, signer: Credential): void {
    switch (body.kind) {
      case "intent":
        return this.noteIntents(record, body, signer);
      case "decision":
        return body.items.forEach((item) => this.noteDecision(record, item, signer));
      case "claim":
        return body.items.forEach((item, index) => this.noteClaim(record, item, index, signer));
      case "outcome":
        return body.items.forEach((item, index) => this.noteOutcome(record, item, index, signer));
      case "approval":
        if (digestIn(body.approval.intentDigest) === this.intent) {
          this.approvals.push({ ...this.now(), approver: signer.id.name, approve: body.approval.approve });
        }
        return;
      case "pulse": {
        const { head, span } = body.pulse;
        const fault = this.fold.pulse?.fault ?? "";
        this.pulses.push({ ...this.now(), sentinel: signer.id.name, read: span?.to ?? 0n, number: head?.number ?? 0n, fault });
      }
    }
  }

  /** Looks for the intent where it stands first: the same bytes again are a re-send, which nobody decides. */
  private noteIntents(record: LedgerRecord, body: Body & { kind: "intent" }, signer: Credential): void {
    if (this.asked !== undefined) return;
    const index = body.items.findIndex((item) => item.digest === this.intent);
    const here = { ...this.now(), agent: signer.spiffeID };
    const item = body.items[index];
    if (item !== undefined) {
      this.asked = { ...here, position: { sequence: record.sequence, index }, content: readIntent(item.bytes) };
    } else if (!body.readable && body.payloadDigest === this.intent) {
      this.asked = { ...here, position: { sequence: record.sequence, index: 0 }, content: undefined };
    }
  }

  private noteDecision(record: LedgerRecord, item: Item, signer: Credential): void {
    const d = tryDecode(DecisionSchema, item.bytes, MAX_ITEM);
    if (d === undefined || digestIn(d.intentDigest) !== this.intent) return;
    if (this.asked === undefined || !samePosition(positionOf(d.intent), this.asked.position)) return;
    this.votes.push({ at: record.sequence, enforcer: signer, digest: item.digest });
    const completed = { ...this.now(), decision: d, votes: this.votesFor(item.digest) };
    if (this.book.decide(this.fold, record.token, signer, item, d)) this.booked = completed;
    const settles = this.tally.add(this.fold, record.token, signer.spiffeID, item, d);
    if (settles && (this.decided === undefined || d.round > this.decided.decision.round)) this.decided = completed;
  }

  private votesFor(digest: Digest): Vote[] {
    const same = this.votes.filter((v) => v.digest === digest);
    return same.filter((v, i) => same.findIndex((w) => w.enforcer.spiffeID === v.enforcer.spiffeID) === i);
  }

  private noteClaim(record: LedgerRecord, item: Item, index: number, signer: Credential): void {
    const judged = this.book.claim(this.fold, record.token, signer, { sequence: record.sequence, index }, item);
    if (judged?.intent !== this.intent) return;
    const quorum = judged.decision === undefined ? undefined : this.booked;
    this.rulings.push({ ...judged, ...this.now(), pulse: this.pulses.at(-1), quorum });
  }

  private noteOutcome(record: LedgerRecord, item: Item, index: number, signer: Credential): void {
    const outcome = tryDecode(OutcomeSchema, item.bytes, MAX_ITEM);
    if (outcome === undefined || digestIn(outcome.intentDigest) !== this.intent) return;
    this.reports.push({
      ...this.now(), position: { sequence: record.sequence, index },
      tool: record.token, signer: signer.spiffeID, outcome, headFault: this.fold.governance.headFault(outcome.head),
    });
  }
}

/** The intent in an item; undefined if it cannot be read. It has its arguments either sealed or in the clear, and not both. */
function readIntent(bytes: Uint8Array): Intent | undefined {
  const intent = tryDecode(IntentSchema, bytes, MAX_INTENT);
  if (intent === undefined) return undefined;
  const argued = intent.sealed === undefined ? intent.arguments.length >= "{}".length : intent.arguments.length === 0;
  return argued ? intent : undefined;
}
