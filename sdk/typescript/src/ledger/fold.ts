import type { DescMessage, MessageShape } from "@bufbuild/protobuf";

import { ApprovalSchema, type Approval, type Pulse as PulseProto, PulseSchema } from "../gen/portcullis/v1/pulse_pb.js";
import { Role } from "../gen/portcullis/v1/release_pb.js";
import { entryOf } from "../governance/release.js";
import { GovernanceState } from "../governance/state.js";
import { type Credential, validAt, verifyCredential } from "../trust/credential.js";
import { type Envelope, verifiedBy } from "../trust/envelope.js";
import { type Digest, digestIn, digestOf } from "../wire/bytes.js";
import { decode } from "../wire/decode.js";
import { KINDS } from "../wire/kinds.js";
import { MAX_ITEM } from "../wire/limits.js";
import { BEFORE_ALL, type Nanos, nanosOf, stamp } from "../wire/time.js";
import { type Item, type Message, type Parsed, parseMessage } from "./parse.js";
import { Trail } from "./trail.js";

/** One authentic record. */
export interface LedgerRecord {
  sequence: bigint;
  token: string;
  signer: Credential | undefined; // none of governance records
  body: Body;
}

/** What an authentic record says. A list of intents that cannot be read has no items: its sender gets a DENY, not silence. */
export type Body =
  | { kind: "intent"; readable: boolean; items: Item[]; payloadDigest: Digest }
  | { kind: "decision" | "claim" | "outcome"; items: Item[] }
  | { kind: "pulse"; pulse: PulseProto }
  | { kind: "approval"; approval: Approval }
  | { kind: "governance" | "credential" };

/** The newest authentic pulse. */
export interface Pulse {
  time: Nanos; // log time at its position
  fault: string; // why what it names is not on this chain; "" if it is
}

const MAX_KEYS = 8; // live keys that one identity can introduce

/** What every follower knows after a prefix of the ledger (core/ledger). Built by step alone. */
export class Fold {
  readonly governance: GovernanceState;
  sequence = 0n;
  logTime: Nanos = BEFORE_ALL;
  pulse: Pulse | undefined;

  private readonly credentials = new Map<Digest, Credential>(); // by key id
  private readonly introduced = new Set<Digest>(); // payloads of credentials: none counts twice
  private readonly pulsed = new Map<string, Nanos>(); // the newest clock of each sentinel
  private readonly trail = new Trail();
  private broken: { why: string; by: string } | undefined; // a sentinel read another ledger

  constructor(ledger: Digest, private readonly zone: string) {
    this.governance = new GovernanceState(ledger);
  }

  /** Log time never goes back. */
  raiseLogTime(t: Nanos): void {
    if (t > this.logTime) this.logTime = t;
  }

  /** Folds the next message. One that is noise throws. */
  step(m: Message): LedgerRecord {
    this.sequence = m.sequence;
    this.raiseLogTime(m.time);
    this.trail.add(m);
    const p = parseMessage(this.zone, m);
    switch (p.kind) {
      case "governance":
        return this.stepGovernance(p);
      case "credential":
        return this.stepCredential(p);
      default:
        return this.stepSigned(p);
    }
  }

  private stepGovernance(p: Parsed): LedgerRecord {
    const gov = this.governance;
    gov.apply({ sequence: this.sequence, time: this.logTime, envelope: p.envelope, bySentinel: this.signedBySentinel(p.envelope) });
    if (this.broken !== undefined && gov.isBanned(this.broken.by)) this.broken = undefined; // the governors say who lied
    return { sequence: this.sequence, token: p.token, signer: undefined, body: { kind: "governance" } };
  }

  private signedBySentinel(env: Envelope): boolean {
    return env.signatures.some((s, i) => {
      const cred = this.credentials.get(s.keyID);
      return cred !== undefined && cred.id.role === Role.SENTINEL && this.whyNot(cred) === "" && verifiedBy(env, i, cred.key);
    });
  }

  private stepCredential(p: Parsed): LedgerRecord {
    const release = this.governance.release;
    if (release === undefined) throw new Error("no release names issuers yet");
    const digest = digestOf(p.envelope.payload);
    if (this.introduced.has(digest)) throw new Error("this credential was introduced earlier");
    const cred = verifyCredential(p.envelope, release.issuers, this.logTime);
    const { id } = cred;
    if (id.name !== p.token || id.zone !== this.governance.zone || id.trustDomain !== this.governance.trustDomain) {
      throw new Error(`a credential of ${cred.spiffeID} on the subject of ${p.token}`);
    }
    if (!KINDS.credential.writers.includes(id.role)) throw new Error(`${cred.spiffeID} introduces no credential`);
    this.introduce(cred);
    this.introduced.add(digest);
    return { sequence: this.sequence, token: p.token, signer: cred, body: { kind: "credential" } };
  }

  private introduce(cred: Credential): void {
    const held = this.credentials.get(cred.keyID);
    if (held !== undefined && held.spiffeID !== cred.spiffeID) throw new Error(`the key of ${cred.spiffeID} is bound to ${held.spiffeID} already`);
    const others = [...this.credentials.values()].filter((c) => c.spiffeID === cred.spiffeID && c.keyID !== cred.keyID);
    const live = others.filter((c) => this.logTime < c.expires);
    if (live.length >= MAX_KEYS) throw new Error(`${cred.spiffeID} has ${live.length} live keys already`);
    for (const c of others) if (!live.includes(c)) this.credentials.delete(c.keyID);
    this.credentials.set(cred.keyID, cred);
  }

  private stepSigned(p: Parsed): LedgerRecord {
    const keyID = p.envelope.signatures[0]?.keyID ?? "";
    const signer = this.credentials.get(keyID);
    if (signer === undefined) throw new Error(`key ${keyID.slice(0, 8)} is bound by no credential before this position`);
    if (!verifiedBy(p.envelope, 0, signer.key)) throw new Error(`the signature in the name of ${signer.spiffeID} does not verify`);
    if (!KINDS[p.kind].writers.includes(signer.id.role)) throw new Error(`${signer.spiffeID} may not write a ${p.kind}`);
    return { sequence: this.sequence, token: p.token, signer, body: this.body(p, signer) };
  }

  private body(p: Parsed, signer: Credential): Body {
    switch (p.kind) {
      case "intent":
        return this.intents(p, signer);
      case "pulse":
        return { kind: "pulse", pulse: this.readPulse(p, signer) };
      case "approval":
        return { kind: "approval", approval: this.single(ApprovalSchema, p, signer, (a) => a.approver) };
      case "decision":
      case "claim":
      case "outcome":
        return { kind: p.kind, items: this.items(p, signer) };
      default:
        throw new Error(`no ${p.kind} stands on a ledger under one signature`);
    }
  }

  /** Accepts every authentic list of intents, even one that cannot be read. */
  private intents(p: Parsed, signer: Credential): Body {
    if (signer.id.name !== p.token) throw new Error(`${signer.spiffeID} wrote on the subject of agent ${p.token}`);
    const { payload } = p.envelope;
    const bounds = this.governance.release?.bounds;
    const fits = bounds !== undefined && p.items.length <= bounds.maxListItems && payload.length <= bounds.maxListBytes;
    const readable = p.list !== undefined && p.list.ledger === this.governance.ledger && fits;
    return { kind: "intent", readable, items: readable ? p.items : [], payloadDigest: digestOf(payload) };
  }

  private items(p: Parsed, signer: Credential): Item[] {
    this.demandStanding(signer);
    if (p.list === undefined) throw new Error("not a list");
    if (p.list.ledger !== this.governance.ledger) throw new Error(`a list for ledger ${p.list.ledger}`);
    return p.items;
  }

  private readPulse(p: Parsed, signer: Credential): PulseProto {
    const pulse = this.single(PulseSchema, p, signer, (one) => one.sentinel);
    this.checkClock(signer, nanosOf(pulse.clock));
    const headFault = this.governance.headFault(pulse.head);
    this.checkSpan(signer.spiffeID, pulse);
    this.pulse = { time: this.logTime, fault: this.broken?.why ?? headFault };
    return pulse;
  }

  /** Refuses copies of old pulses: each sentinel's clock moves on, and agrees with log time. */
  private checkClock(signer: Credential, clock: Nanos): void {
    const bound = this.governance.release?.bounds.maxClockSkew ?? 0n;
    const apart = clock > this.logTime ? clock - this.logTime : this.logTime - clock;
    if (apart > bound) throw new Error(`a pulse of ${signer.spiffeID} at its clock's ${stamp(clock)}, at log time ${stamp(this.logTime)}`);
    const last = this.pulsed.get(signer.spiffeID);
    if (last !== undefined && clock <= last) throw new Error(`${signer.spiffeID} pulsed at this clock or later before`);
    this.pulsed.set(signer.spiffeID, clock);
  }

  /** A sentinel that read another ledger latches, until the governors revoke it. */
  private checkSpan(by: string, pulse: PulseProto): void {
    if (this.broken !== undefined) return;
    const why = this.trail.fault(this.sequence, pulse.span);
    if (why !== "") this.broken = { why: `${by}: ${why}`, by };
  }

  /** Decodes a record that is not a list: its signer's standing, its ledger, and that it names its signer. */
  private single<D extends DescMessage>(schema: D, p: Parsed, signer: Credential, named: (m: MessageShape<D>) => string): MessageShape<D> {
    this.demandStanding(signer);
    const record = decode(schema, p.envelope.payload, MAX_ITEM);
    const ledger = digestIn((record as unknown as { ledger: Uint8Array }).ledger);
    if (ledger !== this.governance.ledger) throw new Error(`a ${p.kind} for ledger ${ledger}`);
    if (named(record) !== signer.spiffeID) throw new Error(`${signer.spiffeID} signed a ${p.kind} of somebody else`);
    return record;
  }

  private demandStanding(cred: Credential): void {
    const why = this.whyNot(cred);
    if (why !== "") throw new Error(`${cred.spiffeID} ${why}`);
  }

  /** Why a participant's records do not count at the last position; "" if they do. */
  private whyNot(cred: Credential): string {
    const release = this.governance.release;
    const entry = release === undefined ? undefined : entryOf(release, cred.id);
    if (entry === undefined) return "is not in the directory of the release in force";
    if (this.governance.isRevoked(cred.keyID, cred.spiffeID)) return "is revoked";
    if (!validAt(cred, this.logTime)) return "has a credential that is not valid at this log time";
    const builds = entry.builds.map(digestIn);
    return builds.length === 0 || builds.includes(cred.build) ? "" : "runs a build that the directory does not allow";
  }
}
