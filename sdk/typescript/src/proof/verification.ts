import { type Decision, Verdict } from "../gen/portcullis/v1/decision_pb.js";
import type { Intent } from "../gen/portcullis/v1/intent_pb.js";
import { Reason } from "../gen/portcullis/v1/reason_pb.js";
import { positionText, samePosition } from "../ledger/position.js";
import { decidedAt } from "../ledger/tally.js";
import type { LogKeys, Signed } from "../lineage/keys.js";
import { includes, leafHash } from "../lineage/tree.js";
import { type Digest, digestIn, digestOf, quoted, ZERO_DIGEST } from "../wire/bytes.js";
import { parseSubject } from "../wire/kinds.js";
import { reasonCode } from "../wire/reason.js";
import { nanosOf, stamp } from "../wire/time.js";
import { FORMAT, type ProofFile } from "./file.js";
import { concluded, kindOf, ofClaim } from "./kind.js";
import { isFinal } from "./limits.js";
import { type Asked, type Judged, type Moment, type Named, type Quorum, Reading } from "./reading.js";

/** The work on one file. Each judgement throws if its step does not hold, else says what it rests on; each may rest on those before it. */
export class Verification {
  keys: LogKeys | undefined; // by the governance at the last record
  claim: Judged | undefined; // kinds of a claim
  decided: Quorum | undefined; // what the kind rests on

  private readonly moments = new Map<bigint, Moment>();
  private reading: Reading | undefined;
  private signed: Signed | undefined;

  constructor(private readonly file: ProofFile, private readonly anchor: Digest) {}

  judgeForm(): string {
    return `${FORMAT}, ${this.file.records.length} records, kind ${this.file.kind}`;
  }

  judgeAnchor(): string {
    if (this.file.anchor !== this.anchor || this.anchor === ZERO_DIGEST) {
      throw new Error(`the file is of ledger ${this.file.anchor}, you trust ${quoted(this.anchor)}; ask for a proof from your ledger`);
    }
    return `genesis ${this.anchor}`;
  }

  /** Folds every record in order. One that is noise proves nothing, so it is refused instead of skipped. */
  judgeRecords(): string {
    const zone = parseSubject(this.file.records[0]?.subject ?? "")?.zone;
    if (zone === undefined) throw new Error("the first record stands on no subject of a ledger");
    const reading = (this.reading = new Reading(this.anchor, zone, this.file.intent));
    for (const r of this.file.records) {
      if (r.logTime < reading.fold.logTime) throw new Error(`log time goes back at ${r.position}`);
      reading.fold.raiseLogTime(r.logTime);
      try {
        reading.step({ sequence: r.position, time: r.time, subject: r.subject, data: r.envelope });
      } catch (err) {
        throw new Error(`the record at ${r.position} on ${quoted(r.subject)}: ${err instanceof Error ? err.message : String(err)}`, { cause: err });
      }
      this.moments.set(r.position, reading.now());
    }
    const gov = reading.fold.governance;
    if (gov.zone !== zone) throw new Error(`the subjects are of zone ${zone}, genesis is of ${quoted(gov.zone)}`);
    return `${this.file.records.length} records of zone ${zone} in ${gov.trustDomain}, up to epoch ${gov.epoch}`;
  }

  judgeCheckpoint(): string {
    const keys = (this.keys = this.read.fold.governance.logKeys());
    const signed = (this.signed = keys.open(this.file.checkpoint));
    const witnesses = signed.cosigned;
    if (witnesses.length < keys.threshold) throw new Error(`${witnesses.length} witnesses of the release cosigned it, ${keys.threshold} must`);
    const by = witnesses.length === 0 ? "no witness" : witnesses.join(", ");
    return `tree of ${signed.size} records, signed by recorder ${signed.recorder}, cosigned by ${by} (${keys.threshold} must)`;
  }

  judgeInclusion(): string {
    for (const r of this.file.records) {
      const leaf = leafHash({ position: r.position, time: r.time, logTime: r.logTime, subject: r.subject, data: digestOf(r.envelope) });
      const held = this.signed !== undefined && includes(r.inclusion, this.signed.size, this.signed.root, r.position, leaf);
      if (!held) throw new Error(`position ${r.position} is not in the checkpoint's tree by its proof`);
    }
    return `${this.file.records.length} inclusion proofs`;
  }

  judgeIntent(): string {
    const { asked } = this.read;
    if (asked === undefined || !samePosition(asked.position, this.file.position)) {
      throw new Error(`no record of the file has an intent ${this.file.intent} at ${positionText(this.file.position)}`);
    }
    const at = positionText(asked.position);
    if (asked.content === undefined) return `${asked.agent} sent it at ${at}; it cannot be read as an intent`;
    const { tool, action, resource } = asked.content;
    return `${asked.agent} asked at ${at} for ${tool}, action ${action} on ${quoted(resource, 200)}`;
  }

  /** Judges the quorum that the kind rests on: the one of the claim, or the newest. */
  judgeDecision(): string {
    const denied = this.file.kind === "denied";
    const claimed = ofClaim(this.file.kind);
    if (claimed) this.claim = this.read.ruling(this.file.claim);
    const quorum = (this.decided = claimed ? this.claim?.quorum : this.read.decided);
    if (quorum === undefined) throw new Error("no quorum of enforcers signed the same decision on it, or its claim is not in the file");
    const d = quorum.decision;
    const want = denied ? Verdict.DENY_UNSPECIFIED : Verdict.ALLOW;
    if (d.verdict !== want || (want === Verdict.ALLOW) !== (d.reasons.length === 0)) {
      throw new Error(`the quorum's verdict is ${verdictWord(d)} with ${d.reasons.length} reasons`);
    }
    this.checkDecision(d);
    if (this.file.kind === "evaluated" && !d.evaluation) throw new Error("the intent asked to be carried out: a claim on it may be valid");
    if (denied) {
      this.checkUnclaimed();
      this.checkFinal(d);
    }
    return describe(quorum);
  }

  judgeClaim(): string {
    const one = this.claim;
    if (one === undefined || one.void !== Reason.UNSPECIFIED) throw new Error(`the claim is void: ${reasonCode(one?.void ?? Reason.CLAIM_UNDECIDED)}`);
    const pulse = `newest pulse at ${one.pulse?.at ?? 0n} by ${one.pulse?.sentinel ?? ""}`;
    const deadline = stamp(nanosOf(one.decision?.deadline));
    return `${one.executor} claimed it at ${positionText(one.position)}, log time ${stamp(one.logTime)}, before the deadline ${deadline}; epoch ${one.epoch}; ${pulse}`;
  }

  judgeVoid(): string {
    const one = this.read.ruling(this.file.claim);
    if (one === undefined) throw new Error("no record of the file has a claim on it at that position");
    if (one.void === Reason.UNSPECIFIED) throw new Error(`the claim at ${positionText(one.position)} is valid`);
    if (restsOnAbsence(one)) {
      throw new Error(`the claim would be void for want of what is not in the file (${reasonCode(one.void)}), and only an audit of the whole ledger shows what is not there`);
    }
    this.claim = one;
    this.decided = one.quorum;
    return `${one.executor} claimed it at ${positionText(one.position)}: ${reasonCode(one.void)}`;
  }

  judgeOutcome(): string {
    const claim = this.claim;
    const report = claim === undefined ? undefined : this.read.concludes(claim);
    if (claim === undefined || report === undefined) throw new Error("no record of the file has an outcome of that claim by its executor");
    const at = positionText(report.position);
    if (report.tool !== claim.decision?.tool) throw new Error(`the outcome at ${at} stands on another tool than the claim`);
    if (kindOf(report.outcome.status) !== this.file.kind) throw new Error(`the outcome at ${at} says ${kindOf(report.outcome.status) ?? "nothing"}`);
    return `${report.signer} reported it at ${at}, finished ${stamp(nanosOf(report.outcome.finished))} by its clock`;
  }

  judgeDeadline(): string {
    const content = this.read.asked?.content;
    if (content === undefined) throw new Error("the intent cannot be read, so it has no deadline");
    const quorum = this.read.decided;
    if (quorum !== undefined && quorum.decision.verdict !== Verdict.ALLOW) throw new Error(`a quorum denied it up to ${quorum.at}, so it did not expire`);
    this.checkUnclaimed();
    const deadline = nanosOf(content.deadline);
    const { logTime } = this.read.fold;
    if (logTime < deadline) throw new Error(`its deadline is ${stamp(deadline)} and the last record's log time is ${stamp(logTime)}`);
    return `deadline ${stamp(deadline)}, log time at ${this.read.fold.sequence} ${stamp(logTime)}`;
  }

  /**
   * Demands a sentinel that had read up to what the verdict rests on and signed a
   * governance head of this chain that reaches to it. The head is a digest of every
   * record before it, so none was left out. An executor's word is not enough.
   */
  judgeHistory(): string {
    this.checkHeads();
    const until = this.restsOn();
    let why = `no pulse of a sentinel that had read up to ${until.at} names a governance head`;
    for (const pulse of this.read.pulses) {
      const fault = lacks(pulse, until);
      if (fault === "") return `sentinel ${pulse.sentinel} had read up to ${pulse.read} and names governance head ${pulse.number} of this chain at ${pulse.at}`;
      why = fault;
    }
    throw new Error(why);
  }

  /** What was read of the file's records. Throws before judgeRecords. */
  get read(): Reading {
    if (this.reading === undefined) throw new Error("the records were not read");
    return this.reading;
  }

  /** Compares what a decision repeats with what stands here: enforcers derived it from the same state as the file gives. */
  private checkDecision(d: Decision): void {
    const asked = this.read.asked;
    const at = this.moments.get(decidedAt(d).sequence);
    if (asked === undefined || at === undefined || !this.decidesAt(d, asked)) {
      throw new Error(`it was decided at ${positionText(decidedAt(d))}, and the file has neither the intent nor an approval of it there`);
    }
    if (d.epoch !== at.epoch || digestIn(d.release) !== at.release?.digest) throw new Error(`it was decided in epoch ${d.epoch}; by the file it is epoch ${at.epoch}, or another release`);
    const logTime = nanosOf(d.logTime);
    if (logTime !== at.logTime) throw new Error(`it was decided at log time ${stamp(logTime)}; by the file it is ${stamp(at.logTime)}`);
    if (d.agent !== asked.agent) throw new Error(`it names agent ${quoted(d.agent, 120)}, ${asked.agent} sent the intent`);
    if (d.verdict === Verdict.ALLOW && !repeats(d, asked.content)) throw new Error("it is not about what the intent says: session, tool, deadline or agent differ");
  }

  /** Whether a decision was made where one can be. */
  private decidesAt(d: Decision, asked: Asked): boolean {
    const at = decidedAt(d);
    if (d.round === 0) return samePosition(at, asked.position);
    return this.read.approvals.some((a) => samePosition(at, { sequence: a.at, index: 0 }) && a.at > asked.position.sequence);
  }

  /** Refuses a denial after which a later round may still allow the intent. */
  private checkFinal(d: Decision): void {
    if (isFinal(d)) return;
    const deadline = this.read.asked?.content?.deadline;
    if (deadline === undefined || this.read.fold.logTime < nanosOf(deadline)) {
      throw new Error(`it is of round ${d.round}, and a later one may allow the intent until its deadline, which the last record does not reach`);
    }
  }

  /** Refuses a file that says itself that there was authority to act. */
  private checkUnclaimed(): void {
    const valid = this.read.rulings.find((r) => r.void === Reason.UNSPECIFIED);
    if (valid !== undefined) throw new Error(`the claim at ${positionText(valid.position)} is valid`);
  }

  /** Refuses a file in which anybody names a governance head that is not on its chain. */
  private checkHeads(): void {
    const pulse = this.read.pulses.find((p) => p.fault !== "");
    if (pulse !== undefined) throw new Error(`the pulse at ${pulse.at}: ${pulse.fault}`);
    const report = this.read.reports.find((r) => r.headFault !== "");
    if (report !== undefined) throw new Error(`the outcome at ${positionText(report.position)}: ${report.headFault}`);
  }

  /** The moment up to which the chain of governance must be whole. */
  private restsOn(): Moment {
    const { kind } = this.file;
    const report = concluded(kind) && this.claim !== undefined ? this.read.concludes(this.claim) : undefined;
    const until = report ?? (ofClaim(kind) ? this.claim : (this.decided ?? this.read.asked));
    if (until === undefined) throw new Error("the verdict rests on nothing");
    return until;
  }
}

/** Whether a claim is void only because something is missing: whoever made the file may have left it out. */
function restsOnAbsence(one: Judged): boolean {
  return one.void === Reason.CLAIM_NO_PULSE || (one.void === Reason.CLAIM_UNDECIDED && one.quorum === undefined);
}

/** Whether an ALLOW says of an intent what it says itself. */
function repeats(d: Decision, intent: Intent | undefined): boolean {
  return (
    intent !== undefined && d.agent === intent.agent && d.session === intent.session && d.tool === intent.tool &&
    nanosOf(d.deadline) === nanosOf(intent.deadline) && d.evaluation === intent.evaluation
  );
}

/** Why a pulse does not show that the chain of governance is whole up to a moment; "" if it does. */
function lacks(pulse: Named, until: Moment): string {
  if (pulse.read < until.at) return `the pulse at ${pulse.at} is of a sentinel that had read up to ${pulse.read}, not ${until.at}`;
  if (pulse.number < until.epoch) return `the pulse at ${pulse.at} names head ${pulse.number}; at ${until.at} it was ${until.epoch}`;
  return "";
}

function verdictWord(d: Decision): string {
  return d.verdict === Verdict.ALLOW ? "ALLOW" : "DENY";
}

function describe(q: Quorum): string {
  const signers = q.votes.map((v) => `${v.enforcer.id.name} at ${v.at}`).join(", ");
  const reasons = q.decision.reasons.length === 0 ? "" : `; reasons ${q.decision.reasons.map(reasonCode).join(", ")}`;
  return `${verdictWord(q.decision)} by ${signers}; ${q.release?.proto.decisionThreshold ?? 0} of the release's enforcers must agree${reasons}; epoch ${q.decision.epoch}`;
}
