import { fencingToken, type Position } from "../ledger/position.js";
import type { Digest } from "../wire/bytes.js";
import { type Nanos, nanosOf } from "../wire/time.js";
import { concluded, type Kind } from "./kind.js";
import { verified } from "./verify.js";

/** The authority under which one executor may do, or did, one action. */
export interface Authority {
  kind: Kind; // "claimed", or what became of it
  executor: string; // SPIFFE ID of the only one who may
  intent: Digest;
  agent: string; // SPIFFE ID
  session: string;
  tool: string;
  action: string;
  resource: string;
  arguments: Uint8Array | undefined; // the JSON object; undefined if it is sealed
  deadline: Nanos; // log time after which nothing starts
  claim: Position;
  fencingToken: bigint; // grows with every claim: whoever acts twice for an older one is refused
  notEstablished: string[]; // what the file cannot show
}

/**
 * Checks, on the side where the action takes effect, that whoever asks for it has
 * authority: a proof file of a valid claim, or of its outcome, by the digest of
 * the genesis that is trusted here. Throws for anything else, a denial that is
 * proved included. What was allowed stands in what it returns: compare it with
 * what is asked for, and keep the greatest fencing token that was acted upon. A
 * file says nothing about what came after it: not that nobody halted since, and
 * not that the action was not done already.
 */
export function verifyAuthority(data: Uint8Array | string, anchor: Digest): Authority {
  const { result, work } = verified(data, anchor);
  const failed = result.steps.find((s) => !s.established);
  if (failed !== undefined || !result.ok) throw new Error(`no authority: ${failed?.name ?? "form"}: ${failed?.detail ?? "nothing was judged"}`);
  const { kind } = result;
  const claim = work?.claim;
  const content = work?.read.asked?.content;
  if (kind === undefined || !(concluded(kind) || kind === "claimed") || claim === undefined || content === undefined) {
    throw new Error(`no authority: the file proves that the intent was ${kind ?? "nothing"}`);
  }
  return {
    kind, executor: claim.executor, intent: result.intent, agent: content.agent, session: content.session,
    tool: content.tool, action: content.action, resource: content.resource,
    arguments: content.sealed === undefined ? content.arguments : undefined,
    deadline: nanosOf(content.deadline), claim: claim.position, fencingToken: fencingToken(claim.position),
    notEstablished: result.notEstablished,
  };
}
