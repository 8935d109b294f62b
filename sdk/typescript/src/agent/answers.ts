import { AnswerSchema } from "../gen/portcullis/v1/answer_pb.js";
import { type Credential, validAt, verifyCredential } from "../trust/credential.js";
import { parseEnvelope, parseList, verifiedBy } from "../trust/envelope.js";
import { type Digest, digestIn, digestOf } from "../wire/bytes.js";
import { decode } from "../wire/decode.js";
import { KINDS } from "../wire/kinds.js";
import { MAX_PAYLOAD } from "../wire/limits.js";
import type { Nanos } from "../wire/time.js";
import { Closed } from "./errors.js";
import type { Member } from "./member.js";
import type { Waiting } from "./waiting.js";

const MAX_SIGNERS = 1024; // verified credentials that are remembered

/** What an agent checks answers by. */
export type Reader = Pick<Member, "id" | "spiffeID" | "ledger" | "issuers">;

/** Matches answers with the proposals that wait for them. */
export class Answers {
  private readonly waits = new Map<Digest, Waiting>();
  private readonly signers = new Map<Digest, Credential>(); // by digest of the Credential envelope
  private closed = false;

  /** Dropped is told of answers that could not be authenticated; clock gives nanoseconds since 1970. */
  constructor(private readonly member: Reader, private readonly dropped: (err: Error) => void, private readonly clock: () => Nanos) {}

  expect(w: Waiting): void {
    if (this.closed) throw new Closed("the agent is closed");
    this.waits.set(w.intent, w);
  }

  forget(intent: Digest): void {
    this.waits.delete(intent);
  }

  /** Ends all waiting proposals. */
  close(): void {
    this.closed = true;
    for (const w of this.waits.values()) w.fail(new Closed("the agent was closed; the intent may still be executed"));
    this.waits.clear();
  }

  /** Takes one answer envelope. What cannot be authenticated is dropped: the proposal waits on, at worst until its deadline. */
  take(data: Uint8Array): void {
    this.guarded(() => {
      const { items, signer } = this.open(data);
      for (const item of items) this.guarded(() => this.answer(item, signer));
    });
  }

  private guarded(work: () => void): void {
    try {
      work();
    } catch (err) {
      this.dropped(err instanceof Error ? err : new Error(String(err)));
    }
  }

  private open(data: Uint8Array): { items: Uint8Array[]; signer: Credential } {
    const env = parseEnvelope(data);
    const [signature] = env.signatures;
    if (env.payloadType !== KINDS.answer.payloadType || env.signatures.length !== 1 || signature === undefined) {
      throw new Error("not an envelope of answers with one signature");
    }
    const signer = this.signer(signature.credential);
    if (!verifiedBy(env, 0, signer.key)) throw new Error(`the signature in the name of ${signer.spiffeID} does not verify`);
    const { ledger, items } = parseList(env.payload);
    if (ledger !== this.member.ledger) throw new Error(`answers about ledger ${ledger}`);
    return { items, signer };
  }

  /** Verifies the credential that travels with an answer, once. */
  private signer(credential: Uint8Array): Credential {
    const digest = digestOf(credential);
    const now = this.clock();
    const known = this.signers.get(digest);
    if (known !== undefined && validAt(known, now)) return known;
    const cred = verifyCredential(parseEnvelope(credential), this.member.issuers, now);
    const { id } = this.member;
    if (!KINDS.answer.writers.includes(cred.id.role) || cred.id.zone !== id.zone || cred.id.trustDomain !== id.trustDomain) {
      throw new Error(`${cred.spiffeID} may not answer ${this.member.spiffeID}`);
    }
    if (this.signers.size >= MAX_SIGNERS) this.signers.clear();
    this.signers.set(digest, cred);
    return cred;
  }

  private answer(item: Uint8Array, signer: Credential): void {
    const answer = decode(AnswerSchema, item, MAX_PAYLOAD);
    const w = this.waits.get(digestIn(answer.intentDigest));
    if (w === undefined) return; // settled, or given up
    if (answer.body.case === "decision") w.decided(answer, answer.body.value, signer);
    if (answer.body.case === "outcome") w.concluded(answer, answer.body.value, signer);
  }
}
