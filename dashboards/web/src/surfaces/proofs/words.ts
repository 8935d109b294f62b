import type { Kind } from "$sdk/proof/kind";

/** What a proof of each kind says, if it holds, in a sentence. */
export const says: Record<Kind, string> = {
  executed: "The action was allowed, claimed and EXECUTED.",
  failed: "The action was allowed and claimed, and FAILED.",
  interrupted: "The action was allowed and claimed, and INTERRUPTED while it ran.",
  abandoned: "The action was allowed and claimed, and ABANDONED before it began.",
  indeterminate: "The action was allowed and claimed, and what became of it is INDETERMINATE.",
  claimed: "The action was allowed and claimed: its executor had authority to act.",
  void: "The claim is VOID: it gave no authority to act.",
  denied: "The action was DENIED.",
  evaluated: "The question was decided, and asked for no action.",
  expired: "The intent EXPIRED: nothing may act on it any more.",
};

/** What it means that a step is not established, for somebody who has to act on it. */
export const means: Record<string, string> = {
  form: "These bytes are no proof file, or not one of this version.",
  anchor: "The file is about another ledger than the one that you trust, or you named none.",
  records: "A record was altered, forged or put where it may not stand.",
  checkpoint: "The tree's head is not signed by those who must sign it.",
  inclusion: "A record is not what the signed tree holds at its position: its bytes, its place or its time were changed.",
  intent: "The file has not the intent that it claims to be about.",
  decision: "No quorum of enforcers decided so on exactly these bytes.",
  claim: "The claim is not what the file says it is.",
  outcome: "The claim's executor did not report this outcome.",
  deadline: "The deadline is not shown to be behind.",
  history: "A governance record could have been left out: a revocation or a halt may be missing.",
};
