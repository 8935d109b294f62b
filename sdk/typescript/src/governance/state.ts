import type { Head } from "../gen/portcullis/v1/envelope_pb.js";
import { type Genesis, GovernanceSchema, type Loss, type Resume, type Revoke, type Scope, ScopeKind } from "../gen/portcullis/v1/governance_pb.js";
import type { Governance } from "../gen/portcullis/v1/governance_pb.js";
import { type GovernorThresholds, type Release as ReleaseProto } from "../gen/portcullis/v1/release_pb.js";
import { checkpointOrigin } from "../lineage/checkpoint.js";
import { LogKeys } from "../lineage/keys.js";
import { countSigners, type Envelope } from "../trust/envelope.js";
import { isTrustDomain, parseIdentity, spiffeID } from "../trust/identity.js";
import { type Digest, digestIn, digestOf } from "../wire/bytes.js";
import { decode } from "../wire/decode.js";
import { KINDS } from "../wire/kinds.js";
import { MAX_PAYLOAD } from "../wire/limits.js";
import { type Nanos, nanosOf } from "../wire/time.js";
import { Chain } from "./chain.js";
import { type GovernorKeys, governorKeys, newRelease, type Release } from "./release.js";
import { covers, type Target } from "./scope.js";

/** A governance record as it stands on the ledger. */
export interface GovernanceRecord {
  sequence: bigint;
  time: Nanos; // log time
  envelope: Envelope;
  bySentinel: boolean; // the signature of an enrolled sentinel on it verifies; only trips need one
}

/** The fold of a ledger's governance records, built by apply alone. Before genesis and a first release everything is halted. */
export class GovernanceState {
  trustDomain = "";
  zone = "";
  release: Release | undefined;

  private readonly chain = new Chain();
  private governors: GovernorKeys = new Map();
  private thresholds: GovernorThresholds | undefined;
  private readonly halts = new Map<Digest, Scope | undefined>();
  private readonly revoked = new Set<Digest>(); // key ids
  private readonly banned = new Set<string>(); // SPIFFE IDs
  private readonly applied = new Set<Digest>(); // payloads that were accepted: none is twice
  private losses = 0;
  private sealed = false;

  constructor(readonly ledger: Digest) {}

  /** Grows by one at every record that takes effect; 0 before genesis. */
  get epoch(): bigint {
    return this.chain.number;
  }

  /** Why a head that a record names is not on this chain; "" if it is. */
  headFault(named: Head | undefined): string {
    return this.chain.fault(named);
  }

  isHalted(target: Target): boolean {
    if (this.release === undefined || this.sealed) return true;
    return [...this.halts.values()].some((scope) => covers(scope, target));
  }

  isRevoked(keyID: Digest, id: string): boolean {
    return this.revoked.has(keyID) || this.banned.has(id);
  }

  isBanned(id: string): boolean {
    return this.banned.has(id);
  }

  /** Whose checkpoints of this ledger count now: those of the release in force, without whoever is revoked. */
  logKeys(): LogKeys {
    const origin = checkpointOrigin(this.trustDomain, this.zone, this.ledger, this.losses);
    const standing = (this.release?.proto.directory ?? []).filter(
      (p) => !this.banned.has(spiffeID({ trustDomain: this.trustDomain, zone: this.zone, role: p.role, name: p.name })),
    );
    return new LogKeys(origin, standing, this.release?.proto.witnessThreshold ?? 0);
  }

  /** Folds one record. One that may not take effect is noise: it throws, and the state is as before. */
  apply(r: GovernanceRecord): void {
    if (r.envelope.payloadType !== KINDS.governance.payloadType) throw new Error("another payload type on the governance subject");
    const record = decode(GovernanceSchema, r.envelope.payload, MAX_PAYLOAD);
    const id = digestOf(r.envelope.payload);
    if (this.applied.has(id)) throw new Error(`record ${id.slice(0, 8)} took effect earlier`);
    this.dispatch(r, id, record);
    this.applied.add(id);
    if (record.record.case !== "halt" || record.record.value.scope?.kind !== ScopeKind.DRILL) this.chain.append(r.sequence, id);
  }

  private dispatch(r: GovernanceRecord, id: Digest, record: Governance): void {
    const { case: kind, value } = record.record;
    if (kind === "genesis") return this.applyGenesis(r, id, record.ledger, value);
    if (this.epoch === 0n) throw new Error(`the ledger's first governance record must be genesis ${this.ledger}`);
    if (digestIn(record.ledger) !== this.ledger) throw new Error(`it is for ledger ${digestIn(record.ledger)}, this is ${this.ledger}`);
    if (this.sealed) throw new Error("the ledger is sealed");
    switch (kind) {
      case "release":
        return this.applyRelease(r, id, value);
      case "halt":
        return this.applyHalt(r, id, value.scope);
      case "trip":
        return this.applyTrip(r, id, value.scope);
      case "resume":
        return this.applyResume(r, value);
      case "revoke":
        return this.applyRevoke(r, value);
      case "loss":
        return this.applyLoss(r, value);
      case "seal":
        return this.applySeal(r);
      default:
        throw new Error("a governance record of unknown kind");
    }
  }

  private applyGenesis(r: GovernanceRecord, id: Digest, named: Uint8Array, g: Genesis): void {
    if (this.epoch !== 0n || id !== this.ledger || named.length !== 0) throw new Error(`genesis ${id} is not the pinned ${this.ledger}, or it is not the first`);
    if (!isTrustDomain(g.trustDomain)) throw new Error("genesis: its trust domain is none");
    const governors = governorKeys(g.governors, g.thresholds);
    demand(r.envelope, governors, g.thresholds?.release ?? 0);
    this.trustDomain = g.trustDomain;
    this.zone = g.zone;
    this.governors = governors;
    this.thresholds = g.thresholds;
  }

  /** Demands the old governors' threshold and the new one, a version and digest that continue the chain, and a validity that holds now. */
  private applyRelease(r: GovernanceRecord, id: Digest, p: ReleaseProto): void {
    const version = this.release?.proto.version ?? 0n;
    const replaces = this.release?.digest ?? this.ledger;
    if (p.version !== version + 1n || digestIn(p.replaces) !== replaces) throw new Error(`release ${p.version} does not follow version ${version}`);
    if (r.time < nanosOf(p.notBefore) || r.time >= nanosOf(p.expires)) throw new Error(`release ${p.version} is not valid at its log time`);
    const release = newRelease(id, p);
    demand(r.envelope, this.governors, this.thresholds?.release ?? 0);
    const governors = this.withoutRevoked(release.governors);
    demand(r.envelope, governors, p.thresholds?.release ?? 0);
    this.release = release;
    this.governors = governors;
    this.thresholds = p.thresholds;
  }

  private applyHalt(r: GovernanceRecord, id: Digest, scope: Scope | undefined): void {
    demand(r.envelope, this.governors, 1);
    if (scope?.kind !== ScopeKind.DRILL) this.halts.set(id, scope);
  }

  private applyTrip(r: GovernanceRecord, id: Digest, scope: Scope | undefined): void {
    if (!r.bySentinel) throw new Error("a trip needs an enrolled sentinel's signature");
    if (scope?.kind === ScopeKind.DRILL) throw new Error("a trip is never a drill");
    this.halts.set(id, scope);
  }

  /** Lifts all the halts that it names, or none. */
  private applyResume(r: GovernanceRecord, p: Resume): void {
    demand(r.envelope, this.governors, this.thresholds?.resume ?? 0);
    const ids = p.halts.map(digestIn);
    const stranger = ids.find((id) => !this.halts.has(id));
    if (stranger !== undefined) throw new Error(`resume names halt ${stranger.slice(0, 8)}, which is not in force`);
    for (const id of ids) this.halts.delete(id);
  }

  /** Needs one governor, but the release threshold where the key is a governor's: else one could lock all others out. */
  private applyRevoke(r: GovernanceRecord, p: Revoke): void {
    const key = p.subject.case === "keyId" ? digestIn(p.subject.value) : undefined;
    const ofGovernor = key !== undefined && this.governors.has(key);
    demand(r.envelope, this.governors, ofGovernor ? (this.thresholds?.release ?? 0) : 1);
    if (p.subject.case === "spiffeId") {
      parseIdentity(p.subject.value);
      this.banned.add(p.subject.value);
    } else if (key !== undefined) {
      this.revoked.add(key);
      this.governors = this.withoutRevoked(this.governors);
    }
  }

  /** What was kept is shorter than what was lost, and not longer than the ledger is here. */
  private applyLoss(r: GovernanceRecord, p: Loss): void {
    if (p.kept >= (p.lost?.size ?? 0n) || p.kept >= r.sequence) throw new Error(`a loss that kept ${p.kept} of ${p.lost?.size ?? 0n} records, at position ${r.sequence}`);
    demand(r.envelope, this.governors, this.thresholds?.resume ?? 0);
    this.losses++;
  }

  private applySeal(r: GovernanceRecord): void {
    demand(r.envelope, this.governors, this.thresholds?.release ?? 0);
    this.sealed = true;
  }

  private withoutRevoked(keys: GovernorKeys): GovernorKeys {
    return new Map([...keys].filter(([id]) => !this.revoked.has(id)));
  }
}

/** Demands signatures of so many distinct governors; zero is never enough. */
function demand(env: Envelope, governors: GovernorKeys, need: number): void {
  const got = countSigners(env, governors);
  if (need < 1 || got < need) throw new Error(`${got} of the ${governors.size} governors signed, ${Math.max(need, 1)} must`);
}
