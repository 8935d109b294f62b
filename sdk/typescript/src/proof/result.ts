import type { Digest } from "../wire/bytes.js";
import type { Kind } from "./kind.js";

/** The steps of a verification, in the order in which they rest on each other. A kind has those that it needs. */
export type StepName =
  | "form" | "anchor" | "records" | "checkpoint" | "inclusion" | "intent"
  | "decision" | "claim" | "outcome" | "deadline" | "history";

/** One thing that had to be established. */
export interface Step {
  name: StepName;
  what: string; // a sentence that is true if the step is established
  established: boolean;
  detail: string; // whom and what it rests on, or why it is not established
}

/** What a verification established, step by step. */
export interface Result {
  ok: boolean; // every step is established
  failed: StepName | undefined; // the first that is not
  kind: Kind | undefined; // none of what is no proof file
  intent: Digest;
  steps: Step[];
  notEstablished: string[]; // what the file cannot show, whether or not all steps hold
}
