import { setTimeout as sleep } from "node:timers/promises";

import { digestOf, type Digest, toHex } from "../wire/bytes.js";
import { ledgerSubject } from "../wire/kinds.js";
import { Answers } from "./answers.js";
import { Connection } from "./connection.js";
import { AppendError } from "./errors.js";
import { deadlineOf, encodeIntent, type Request, uuid7 } from "./intent.js";
import { loadMember, type Member } from "./member.js";
import { Outbox } from "./outbox.js";
import { type Outcome, Waiting } from "./waiting.js";

const ANSWER_GRACE = 2_000; // after the deadline an answer may still come: the action may have started just before it
const RESEND_AFTER = 200;
const CONNECT_WITHIN = 5_000;

/** How an agent is opened. */
export interface Options {
  folder: string; // participants/agent/<name> of the data folder, or a copy of it
  within?: number; // milliseconds that connecting may take; 5 s if left out
  dropped?: (err: Error) => void; // told of answers that could not be authenticated
}

/** Proposes intents, and waits for what becomes of them. */
export class Agent {
  private readonly answers: Answers;
  private readonly outbox: Outbox;
  private readonly first: Session;
  private closed = false;

  private constructor(private readonly member: Member, private readonly conn: Connection, dropped: (err: Error) => void) {
    this.answers = new Answers(member, dropped, () => BigInt(Date.now()) * 1_000_000n);
    const subject = ledgerSubject(member.id.zone, "intent", member.id.name);
    this.outbox = new Outbox(member.ledger, member.key, (data) => conn.append(subject, data));
    this.first = this.newSession();
  }

  /** Loads the agent's folder, connects, introduces its credential and subscribes to its answers. */
  static async open(options: Options): Promise<Agent> {
    const member = await loadMember(options.folder);
    const until = Date.now() + (options.within ?? CONNECT_WITHIN);
    const conn = await Connection.open(member, until - Date.now());
    try {
      const agent = new Agent(member, conn, options.dropped ?? (() => undefined));
      await introduce(conn, member, until);
      conn.subscribeAnswers((data) => agent.answers.take(data));
      await conn.flush();
      return agent;
    } catch (err) {
      await conn.close();
      throw err;
    }
  }

  /** The agent's SPIFFE ID. */
  get id(): string {
    return this.member.spiffeID;
  }

  /** Proposes an intent in the agent's first session; see Session.propose. */
  propose(request: Request): Promise<Outcome> {
    return this.first.propose(request);
  }

  /** Begins a chain of intents with a random name: one for each task, so that the ledger says what led to what. */
  newSession(): Session {
    return new Session(this.member, this.answers, (item, w) => this.send(item, w));
  }

  /** Ends all waiting proposals with Closed, and the connection. */
  async close(): Promise<void> {
    this.closed = true;
    this.answers.close();
    await this.conn.close();
  }

  /** After an unknown answer the very same bytes are sent again until the deadline, which cannot double the action. */
  private async send(item: Uint8Array, w: Waiting): Promise<void> {
    while (!this.closed) {
      try {
        await this.outbox.send(item);
        w.sent();
        return;
      } catch (err) {
        if (!w.notSent(err instanceof Error ? err : new Error(String(err)))) return;
      }
      await sleep(RESEND_AFTER);
    }
  }
}

/** A chain of intents: each names the one before, and they are decided in the order in which they were proposed. */
export class Session {
  /** The session's name on the ledger. */
  readonly name = toHex(crypto.getRandomValues(new Uint8Array(12)));

  private sequence = 0n;
  private previous: Digest | undefined;

  constructor(
    private readonly member: Member,
    private readonly answers: Answers,
    private readonly send: (item: Uint8Array, w: Waiting) => Promise<void>,
  ) {}

  /**
   * Appends the request as the session's next intent and waits for what becomes
   * of it, at most until shortly after its deadline. It resolves only if the
   * action was executed. Everything else rejects: Refused (a verdict),
   * NotExecuted, Unanswered, NotSent, Closed, or an Error whose cause is the signal's
   * reason. The
   * session moves on only if the intent could be made.
   */
  async propose(request: Request): Promise<Outcome> {
    request.signal?.throwIfAborted();
    const waiting = this.enqueue(request);
    const over = setTimeout(() => waiting.unanswered(), Math.max(0, waiting.deadline - Date.now()) + ANSWER_GRACE);
    const stop = () => waiting.fail(new Error(`stopped waiting for intent ${waiting.intent}, which may still be executed`, { cause: request.signal?.reason }));
    request.signal?.addEventListener("abort", stop, { once: true });
    if (request.signal?.aborted === true) stop(); // whoever was told of the intent had enough
    try {
      return await waiting.done;
    } finally {
      clearTimeout(over);
      request.signal?.removeEventListener("abort", stop);
      this.answers.forget(waiting.intent);
    }
  }

  private enqueue(request: Request): Waiting {
    const deadline = deadlineOf(request);
    const link = { agent: this.member.spiffeID, session: this.name, sequence: this.sequence + 1n, previous: this.previous };
    const item = encodeIntent(request, link, deadline, uuid7());
    const waiting = new Waiting(digestOf(item), deadline, request.pending);
    this.answers.expect(waiting);
    request.proposing?.(waiting.intent);
    this.sequence++;
    this.previous = waiting.intent;
    void this.send(item, waiting);
    return waiting;
  }
}

/** Appends the credential, again while the ledger cannot be reached or the answer is unknown: a second copy harms nobody. */
async function introduce(conn: Connection, member: Member, until: number): Promise<void> {
  const subject = ledgerSubject(member.id.zone, "credential", member.id.name);
  for (;;) {
    try {
      await conn.append(subject, member.credential);
      return;
    } catch (err) {
      const again = err instanceof AppendError && err.fate !== "refused" && Date.now() < until;
      if (!again) throw new Error(`introducing the credential of ${member.spiffeID}`, { cause: err });
    }
    await sleep(RESEND_AFTER);
  }
}
