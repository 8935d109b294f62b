/** What one sees in a step, and why it matters. A test compares the numbers with those that the server tells. */
export interface Text {
  lane: "agent" | "attacker";
  see: string;
  why: string;
}

export const texts: Record<string, Text> = {
  "1": {
    lane: "agent",
    see: "The agent scout asks to read a file, and its request stands on the ledger before anything happens.",
    why: "An enforcer's signed ALLOW lets the executor act, and the outcome is written down too: four records, and nobody has to be trusted about what was done.",
  },
  "2": {
    lane: "agent",
    see: "Scout asks to write a file, and the file is on the disk afterwards.",
    why: "The executor holds the right to write, not the agent, and it uses that right only for exactly the bytes that were decided on.",
  },
  "3": {
    lane: "agent",
    see: "Scout transfers 250, which its policy permits up to 1000.",
    why: "This is the one transfer of the whole story: whatever comes later, the bank's books must still show 250, once.",
  },
  "4": {
    lane: "agent",
    see: "Scout asks for 5000, and the enforcer answers with a signed DENY that names every reason.",
    why: "A refusal is a record like any other: it says which condition was false, so that people can argue with it instead of guessing.",
  },
  "5a": {
    lane: "attacker",
    see: "Mallory, another agent, tries to write where only scout may write.",
    why: "The broker knows whose connection it is and takes nothing from it: this attempt does not even reach the ledger.",
  },
  "5b": {
    lane: "attacker",
    see: "Mallory writes where she may, and puts scout's name into a request that she signs herself.",
    why: "The signature counts and not the name, so the enforcer sees a forgery; it would see it as well if the broker had been fooled.",
  },
  "6a": {
    lane: "attacker",
    see: "Somebody sends scout's transfer once more, byte for byte. A second request of scout's follows, so that one can see that nothing came of the copy.",
    why: "The same bytes are the same request, which is decided and claimed once: no money moves twice because a message did.",
  },
  "6b": {
    lane: "attacker",
    see: "Mallory sends scout's signed transfer on her own subject.",
    why: "A record counts only where its signer may write. Everybody who reads the ledger skips it as noise, by the same rule.",
  },
  "7a": {
    lane: "agent",
    see: "The enforcer is frozen until scout's deadline is over, and decides only then. A last request shows that the executor has read on.",
    why: "Nobody able to decide means that nothing happens: the executor lets a late ALLOW pass by, because authority ends with the deadline.",
  },
  "7b": {
    lane: "attacker",
    see: "Somebody who has stolen an executor's keys claims the late request all the same.",
    why: "A claim is judged by where it stands on the ledger, by everybody alike, and this one stands behind the deadline: it is void.",
  },
  "7c": {
    lane: "agent",
    see: "Scout's request reaches the ledger when its own deadline is already over.",
    why: "The ledger's time decides and nobody's clock, so every enforcer gives the same answer, today and in a replay years later.",
  },
  "8a": {
    lane: "attacker",
    see: "The amount in scout's signed transfer is altered from 250 to 950, and the signature is kept.",
    why: "The signature is over the bytes as they were sent, so one altered digit makes it a message that nobody signed.",
  },
  "8b": {
    lane: "attacker",
    see: "This time the altered transfer is signed with scout's own, stolen key.",
    why: "Scout's requests form a chain, and this place in it is taken: even the right key cannot rewrite what was said.",
  },
  "8c": {
    lane: "attacker",
    see: "With an executor's stolen keys, somebody claims the altered transfer without waiting for a decision.",
    why: "No enforcer has allowed these bytes, so the claim is void for everybody, and an honest executor never acts on a void claim.",
  },
};

/** A step that this page has no words for. */
export const unknownText: Text = { lane: "agent", see: "This page has no words of its own for this step.", why: "What the server tells about it is below." };

/** The checks on the way, in order, as people call them. */
export const checks = {
  broker: "the broker: whose connection is it?",
  reading: "every reader: is it an authentic record?",
  verdict: "the enforcer: is it new, and permitted?",
  claim: "every reader: does a valid decision stand before the claim?",
} as const;
export type Check = keyof typeof checks;
