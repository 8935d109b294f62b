import type { Msg } from "@nats-io/transport-node";

import { fromUTF8 } from "../wire/bytes.js";
import { AppendError } from "./errors.js";

/** JetStream error codes that mean: checked and not stored. Any other code proves nothing. */
const refusals = new Set([10002, 10023, 10054, 10060, 10097]);
const STORE_FAILED = 10077; // covers several causes; the description tells which
const full = new Set(["maximum bytes exceeded", "maximum messages exceeded", "maximum messages per subject exceeded"]);

interface PubAck {
  stream?: unknown;
  seq?: unknown;
  duplicate?: unknown;
  error?: { err_code?: unknown; description?: unknown };
}

/** Reads the broker's acknowledgement of an append: the sequence at which it was stored. Throws an AppendError for anything else. */
export function readAck(m: Msg, subject: string, stream: string): number {
  if (m.headers?.code === 503) throw new AppendError("unreachable", subject, `stream ${stream} does not exist or has no leader`);
  const ack = parse(m, subject);
  const { error, seq } = ack;
  if (error !== undefined) {
    const code = Number(error.err_code);
    const told = String(error.description);
    const stored = !refusals.has(code) && !(code === STORE_FAILED && full.has(told));
    throw new AppendError(stored ? "unknown" : "refused", subject, `stream ${stream}: ${told} (${code})`);
  }
  if (ack.stream !== stream) throw new AppendError("unknown", subject, `acknowledged by another stream than ${stream}`);
  if (ack.duplicate === true || typeof seq !== "number" || seq < 1) throw new AppendError("unknown", subject, `stream ${stream} took it for a duplicate`);
  return seq;
}

function parse(m: Msg, subject: string): PubAck {
  try {
    const ack: unknown = JSON.parse(fromUTF8(m.data));
    if (typeof ack === "object" && ack !== null) return ack;
  } catch {
    // told below
  }
  throw new AppendError("unknown", subject, "the acknowledgement is not JSON");
}
