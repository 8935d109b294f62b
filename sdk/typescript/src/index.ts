/** Proposes governed actions over NATS, and verifies what became of them. */
export { Agent, type Options, type Session } from "./agent/agent.js";
export { Closed, NotDone, NotExecuted, NotSent, Refused, Unanswered } from "./agent/errors.js";
export type { Request } from "./agent/intent.js";
export type { Outcome } from "./agent/waiting.js";
export * from "./proof/index.js";
