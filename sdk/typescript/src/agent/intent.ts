import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";

import { IntentSchema } from "../gen/portcullis/v1/intent_pb.js";
import { type Digest, digestOf, fromHex, utf8 } from "../wire/bytes.js";
import { encode } from "../wire/decode.js";
import { MAX_INTENT } from "../wire/limits.js";
import type { Refused } from "./errors.js";

/** One action that an agent asks for. */
export interface Request {
  tool: string;
  action?: string; // the tool's name if left out
  resource?: string; // what is acted upon, in the tool's terms
  arguments?: object | string; // a JSON object, or its text; {} if left out
  context?: object | string; // a JSON object of the environment, or its text
  timeout?: number; // milliseconds from now to the deadline; 10 s if left out
  deadline?: Date; // instead of timeout
  parents?: Digest[]; // intents that caused this one
  delegation?: Uint8Array[]; // Delegation envelopes, from the root principal to this agent
  traceParent?: string; // W3C Trace Context
  traceState?: string;
  definition?: Digest; // of the tool's definition that the agent was shown, for tools whose definition the release pins
  proposing?: (intent: Digest) => void; // told the digest before the intent is sent
  pending?: (why: Refused) => void; // told when the intent waits for approvals, once for each round
  signal?: AbortSignal; // stops waiting; the intent may still be executed
}

/** Where an intent stands in its session. */
export interface Link {
  agent: string;
  session: string;
  sequence: bigint; // from 1
  previous: Digest | undefined; // of the session's intent before
}

const DEFAULT_TIMEOUT = 10_000;

/** A request's deadline, in milliseconds since 1970. */
export function deadlineOf(r: Request): number {
  return r.deadline?.getTime() ?? Date.now() + (r.timeout ?? DEFAULT_TIMEOUT);
}

/** Makes the bytes of an intent: the same that package agent makes. Throws if the request is not a valid intent. */
export function encodeIntent(r: Request, link: Link, deadline: number, id: Uint8Array): Uint8Array {
  const args = objectText(r.arguments ?? {}, "arguments");
  const intent = create(IntentSchema, {
    id,
    agent: link.agent,
    session: link.session,
    sequence: link.sequence,
    previous: link.previous === undefined ? new Uint8Array() : fromHex(link.previous),
    parents: (r.parents ?? []).map(fromHex),
    delegation: r.delegation ?? [],
    tool: r.tool,
    action: r.action ?? r.tool,
    resource: r.resource ?? "",
    arguments: args,
    argumentsDigest: fromHex(digestOf(args)),
    context: r.context === undefined ? new Uint8Array() : objectText(r.context, "context"),
    deadline: timestampFromMs(deadline),
    traceParent: r.traceParent ?? "",
    traceState: r.traceState ?? "",
    definitionDigest: r.definition === undefined ? new Uint8Array() : fromHex(r.definition),
  });
  const item = encode(IntentSchema, intent);
  if (item.length > MAX_INTENT) throw new Error(`the intent has ${item.length} bytes, at most ${MAX_INTENT} are accepted; pass large data by reference`);
  return item;
}

/** A UUIDv7 (RFC 9562): milliseconds, then randomness. */
export function uuid7(): Uint8Array {
  const id = crypto.getRandomValues(new Uint8Array(16));
  new DataView(id.buffer).setBigUint64(0, (BigInt(Date.now()) << 16n) | 0x7000n | (BigInt(id[6] ?? 0) << 4n) | (BigInt(id[7] ?? 0) >> 4n));
  id[8] = ((id[8] ?? 0) & 0x3f) | 0x80;
  return id;
}

function objectText(value: object | string, what: string): Uint8Array {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  const parsed: unknown = JSON.parse(text);
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) throw new Error(`the ${what} are no JSON object; give one, such as {"path":"notes.txt"}`);
  return utf8(text);
}
