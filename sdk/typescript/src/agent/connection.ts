import { setTimeout as sleep } from "node:timers/promises";

import { connect, createInbox, errors, type Msg, type NatsConnection, type NodeConnectionOptions, nkeyAuthenticator } from "@nats-io/transport-node";

import { utf8 } from "../wire/bytes.js";
import { answerSubject } from "../wire/kinds.js";
import { MAX_ENVELOPE } from "../wire/limits.js";
import { readAck } from "./ack.js";
import { AppendError } from "./errors.js";
import type { Member } from "./member.js";

const ACK_TIMEOUT = 5_000;
const PING_INTERVAL = 2_000;
const LONGEST_WAIT = 1_000; // before all servers are tried again

interface Pending {
  subject: string;
  settle: (sequence: number) => void;
  fail: (err: Error) => void;
  timer: NodeJS.Timeout;
}

/** One participant's connection. It reconnects for ever; it never keeps a record to send it later. */
export class Connection {
  private readonly inbox: string; // acknowledgements come to <inbox>.<token>
  private readonly pending = new Map<string, Pending>();
  private readonly stream: string;
  private next = 0;
  private stands = true;

  private constructor(private readonly nc: NatsConnection, private readonly member: Member) {
    this.stream = `LEDGER_${member.id.zone}`;
    this.inbox = createInbox();
    this.listen(`${this.inbox}.*`, (m) => this.acknowledged(m));
    void this.watch();
  }

  /** Connects, waiting up to so many milliseconds for a server that is not up yet. */
  static async open(member: Member, within: number): Promise<Connection> {
    const until = Date.now() + within;
    const settings = options(member);
    for (;;) {
      try {
        return new Connection(await connect(settings), member);
      } catch (err) {
        const wait = LONGEST_WAIT * (0.1 + 0.4 * Math.random());
        if (Date.now() + wait >= until) {
          throw new Error(`${member.spiffeID} cannot connect to ${member.servers.join(", ")}; check that the server runs and this key is enrolled`, { cause: err });
        }
        await sleep(wait);
      }
    }
  }

  /** Stores one record and waits for the broker's acknowledgement. Throws an AppendError; nothing is ever sent twice. */
  append(subject: string, data: Uint8Array): Promise<number> {
    if (data.length > MAX_ENVELOPE) return Promise.reject(new AppendError("refused", subject, `${data.length} bytes are more than the ${MAX_ENVELOPE} that a record may have`));
    if (!this.stands || this.nc.isClosed()) return Promise.reject(new AppendError("unreachable", subject, "there is no connection"));
    return new Promise((settle, fail) => {
      const token = (++this.next).toString(36);
      const timer = setTimeout(() => this.lose(token, "no acknowledgement in time"), ACK_TIMEOUT);
      this.pending.set(token, { subject, settle, fail, timer });
      try {
        this.nc.publish(subject, data, { reply: `${this.inbox}.${token}` });
      } catch (err) {
        this.take(token)?.fail(new AppendError("unreachable", subject, err instanceof Error ? err.message : String(err)));
      }
    });
  }

  /** Calls on with each answer to the participant. Answers are not authenticated here. */
  subscribeAnswers(on: (data: Uint8Array) => void): void {
    const { zone, name } = this.member.id;
    this.listen(answerSubject(zone, name), (m) => on(m.data));
  }

  /** Waits until the broker knows of all subscriptions. */
  async flush(): Promise<void> {
    await this.nc.flush();
  }

  async close(): Promise<void> {
    await this.nc.close();
    this.loseAll("the connection was closed");
  }

  /** An error of a subscription is that it has no right to exist: nothing will come, and whoever waits says so. */
  private listen(subject: string, on: (m: Msg) => void): void {
    this.nc.subscribe(subject, {
      callback: (err, m) => {
        if (err === null) on(m);
      },
    });
  }

  private acknowledged(m: Msg): void {
    const taken = this.take(m.subject.slice(this.inbox.length + 1));
    if (taken === undefined) return; // timed out before
    try {
      taken.settle(readAck(m, taken.subject, this.stream));
    } catch (err) {
      taken.fail(err as Error);
    }
  }

  private take(token: string): Pending | undefined {
    const taken = this.pending.get(token);
    this.pending.delete(token);
    clearTimeout(taken?.timer);
    return taken;
  }

  private lose(token: string, why: string): void {
    const taken = this.take(token);
    taken?.fail(new AppendError("unknown", taken.subject, why));
  }

  private loseAll(why: string): void {
    for (const token of [...this.pending.keys()]) this.lose(token, why);
  }

  /** What is in flight when a connection is lost is unknown: its answers go nowhere. */
  private async watch(): Promise<void> {
    for await (const status of this.nc.status()) {
      if (status.type === "disconnect") {
        this.stands = false;
        this.loseAll("the connection was lost before the acknowledgement");
      } else if (status.type === "reconnect") {
        this.stands = true;
      } else if (status.type === "error" && status.error instanceof errors.PermissionViolationError) {
        this.refuse(status.error);
      }
    }
  }

  /** Rights never change within a connection, so all that is in flight to that subject was refused. */
  private refuse(err: InstanceType<typeof errors.PermissionViolationError>): void {
    for (const [token, { subject }] of [...this.pending]) {
      if (subject === err.subject) this.take(token)?.fail(new AppendError("refused", subject, err.message));
    }
  }
}

function options(member: Member): NodeConnectionOptions {
  const secure = member.servers.some((url) => url.trim().startsWith("tls://"));
  if (member.servers.some((url) => url.includes("@"))) throw new Error("a server's URL holds a user, a password or a token; participants are known by their keys: leave it out");
  if (!secure && member.brokerCA !== "") throw new Error("an authority for servers that speak no TLS; use tls:// URLs, or name none");
  const tls = { minVersion: "TLSv1.3", ...(member.brokerCA === "" ? {} : { ca: member.brokerCA }) };
  return {
    servers: member.servers.map((url) => url.trim()),
    name: member.id.name,
    authenticator: nkeyAuthenticator(utf8(member.nkeySeed)),
    maxReconnectAttempts: -1,
    reconnectDelayHandler: () => 50 + Math.random() * LONGEST_WAIT,
    ignoreAuthErrorAbort: true, // a key may be enrolled again
    ignoreClusterUpdates: true, // where the servers are, configuration says, and no server
    pingInterval: PING_INTERVAL,
    maxPingOut: 2,
    noEcho: true,
    timeout: 5_000,
    ...(secure ? { tls } : {}),
  };
}
