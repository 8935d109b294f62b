import type { Refused } from "../agent/errors.js";
import type { Request } from "../agent/intent.js";
import type { Outcome } from "../agent/waiting.js";
import { fromUTF8 } from "../wire/bytes.js";

/** Who asks for a platform's agent: an Agent, or one Session of it for one task. */
export interface Proposer {
  propose(request: Request): Promise<Outcome>;
}

/** How a tool of the release is asked for when a platform's model calls it. */
export interface Governed<Input> {
  tool: string; // its name in the release, and to the model
  description: string; // for the model
  resource: (input: Input) => string; // what a call acts upon, in the tool's terms
  timeout?: number; // milliseconds from a call to its deadline
  pending?: (why: Refused) => void; // told when a call waits for approvals
}

/**
 * Carries out one call: it proposes the tool with the model's input as its
 * arguments. The act itself happens at an executor, on a permit; nothing runs
 * here. Resolves with what the tool returned, as text, only if it was executed;
 * else rejects with a NotDone, whose message platforms tell the model.
 */
export async function perform<Input extends object>(by: Proposer, g: Governed<Input>, input: Input, signal?: AbortSignal): Promise<string> {
  const outcome = await by.propose({
    tool: g.tool,
    resource: g.resource(input),
    arguments: input,
    ...(g.timeout === undefined ? {} : { timeout: g.timeout }),
    ...(g.pending === undefined ? {} : { pending: g.pending }),
    ...(signal === undefined ? {} : { signal }),
  });
  return outcome.explanation === "" ? fromUTF8(outcome.result) : outcome.explanation;
}
