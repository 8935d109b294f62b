import { ClaimSchema, type Claim } from "../gen/portcullis/v1/claim_pb.js";
import { type Decision, Verdict } from "../gen/portcullis/v1/decision_pb.js";
import { Reason } from "../gen/portcullis/v1/reason_pb.js";
import { Role } from "../gen/portcullis/v1/release_pb.js";
import { entryOf, inForce } from "../governance/release.js";
import type { Credential } from "../trust/credential.js";
import { type Digest, digestIn } from "../wire/bytes.js";
import { tryDecode } from "../wire/decode.js";
import { MAX_ITEM } from "../wire/limits.js";
import { nanosOf } from "../wire/time.js";
import type { Fold } from "./fold.js";
import type { Item } from "./parse.js";
import { type Position, positionOf, samePosition } from "./position.js";

/** The judgement on one claim, at its position. */
export interface Ruling {
  position: Position;
  intent: Digest;
  executor: string; // SPIFFE ID
  decision: Decision | undefined; // the quorum's, where there is one
  void: Reason; // why the claim is void; UNSPECIFIED if it is valid
}

interface Entry {
  votes: Map<string, Set<string>>; // round and digest of a decision → enforcers
  quorum: Decision | undefined; // of the newest round that has one
  claimed: boolean; // a valid claim stands
}

/** What claims are judged by (core/permit). A verifier forgets nothing: no decision on an intent that is over can revive it. */
export class Book {
  private readonly intents = new Map<Digest, Entry>();

  /** Folds one decision, signed by an enforcer of standing; reports whether it completed a quorum of a newer round. */
  decide(fold: Fold, token: string, signer: Credential, item: Item, d: Decision): boolean {
    const release = fold.governance.release;
    if (release === undefined || signer.id.role !== Role.ENFORCER || d.tool !== token) return false;
    const deadline = nanosOf(d.deadline);
    if (d.deadline === undefined || deadline <= fold.logTime || deadline - fold.logTime > release.bounds.maxDeadline) return false; // no claim on it can be valid
    const held = this.held(digestIn(d.intentDigest));
    const voters = votersOf(held.votes, `${d.round} ${item.digest}`);
    voters.add(signer.spiffeID);
    if (voters.size !== release.proto.decisionThreshold) return false;
    if (held.quorum !== undefined && held.quorum.round >= d.round) return false;
    held.quorum = d;
    return true;
  }

  /** Judges one item of a list of claims; undefined if it is no claim of its signer. A valid one makes every later one on the same intent void. */
  claim(fold: Fold, token: string, signer: Credential, position: Position, item: Item): Ruling | undefined {
    const claim = tryDecode(ClaimSchema, item.bytes, MAX_ITEM);
    if (claim === undefined || claim.executor !== signer.spiffeID) return undefined;
    const intent = digestIn(claim.intentDigest);
    const held = this.intents.get(intent);
    const fault = whyVoid(fold, held, token, signer, claim);
    if (held !== undefined && fault === Reason.UNSPECIFIED) held.claimed = true;
    return { position, intent, executor: signer.spiffeID, decision: held?.quorum, void: fault };
  }

  private held(intent: Digest): Entry {
    let entry = this.intents.get(intent);
    if (entry === undefined) {
      entry = { votes: new Map(), quorum: undefined, claimed: false };
      this.intents.set(intent, entry);
    }
    return entry;
  }
}

/** The heart of the protocol: UNSPECIFIED if the claim is valid at the fold's position, else the first reason against it. */
function whyVoid(fold: Fold, held: Entry | undefined, token: string, signer: Credential, claim: Claim): Reason {
  const gov = fold.governance;
  const { release } = gov;
  if (release === undefined || !inForce(release, fold.logTime)) return Reason.CLAIM_RELEASE;
  const d = held?.quorum;
  if (held === undefined || d === undefined || !samePosition(positionOf(claim.intent), positionOf(d.intent))) return Reason.CLAIM_UNDECIDED;
  if (d.verdict !== Verdict.ALLOW || d.reasons.length > 0) return Reason.CLAIM_DENIED;
  if (d.evaluation) return Reason.CLAIM_EVALUATION;
  if (nanosOf(d.deadline) <= fold.logTime) return Reason.CLAIM_EXPIRED;
  if (gov.isHalted({ zone: gov.zone, tool: d.tool, agent: d.agent, session: d.session })) return Reason.CLAIM_HALTED;
  if (gov.isBanned(d.agent) || gov.isBanned(signer.spiffeID)) return Reason.CLAIM_REVOKED;
  if (d.epoch !== gov.epoch || digestIn(d.release) !== release.digest) return Reason.CLAIM_STALE_EPOCH;
  const entry = entryOf(release, signer.id);
  if (entry === undefined || !entry.tools.includes(d.tool) || d.tool !== token) return Reason.CLAIM_WRONG_TOOL;
  const fresh = fold.pulse !== undefined && fold.pulse.fault === "" && fold.logTime - fold.pulse.time < release.bounds.pulseLimit;
  if (!fresh) return Reason.CLAIM_NO_PULSE;
  return held.claimed ? Reason.CLAIM_SECOND : Reason.UNSPECIFIED;
}

/** The voters for one paper; the empty set is made when it is first asked for. */
export function votersOf(votes: Map<string, Set<string>>, paper: string): Set<string> {
  let voters = votes.get(paper);
  if (voters === undefined) {
    voters = new Set();
    votes.set(paper, voters);
  }
  return voters;
}
