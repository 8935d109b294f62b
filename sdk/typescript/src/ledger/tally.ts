import type { Decision } from "../gen/portcullis/v1/decision_pb.js";
import type { Fold } from "./fold.js";
import { votersOf } from "./book.js";
import { type Item } from "./parse.js";
import { type Position, positionOf, positionText } from "./position.js";

/** Counts which enforcers recorded which decision in which round (core/verdict). Only identical bytes add up. */
export class Tally {
  private readonly votes = new Map<string, Set<string>>();
  private readonly settled = new Set<string>();

  /** Counts one decision of an enforcer; reports whether it completes the first quorum of its round. */
  add(fold: Fold, token: string, enforcer: string, item: Item, d: Decision): boolean {
    const release = fold.governance.release;
    const subject = d.tool === "" ? "none" : d.tool;
    if (release === undefined || token !== subject) return false;
    const round = `${positionText(positionOf(d.intent))} ${d.round}`;
    const voters = votersOf(this.votes, `${round} ${item.digest}`);
    voters.add(enforcer);
    if (this.settled.has(round) || voters.size < release.proto.decisionThreshold) return false;
    this.settled.add(round);
    return true;
  }
}

/** Where a decision was derived: at the intent, or at the approval that opened its round. */
export function decidedAt(d: Decision): Position {
  return positionOf(d.round > 0 ? d.approval : d.intent);
}
