import { type Envelope, type List, parseEnvelope, parseList } from "../trust/envelope.js";
import { type Digest, digestOf, quoted } from "../wire/bytes.js";
import { type Kind, KINDS, parseSubject } from "../wire/kinds.js";
import type { Nanos } from "../wire/time.js";

/** One message of the ledger's stream, as stored. */
export interface Message {
  sequence: bigint;
  time: Nanos; // the broker's
  subject: string;
  data: Uint8Array;
}

/** One item of a list, not yet looked into. */
export interface Item {
  bytes: Uint8Array;
  digest: Digest;
}

/** What one message says by itself; nothing about it is authentic. */
export interface Parsed {
  kind: Kind;
  token: string; // the last token of the subject: a name or a tool
  envelope: Envelope;
  list: List | undefined; // of kinds of lists; undefined too if it cannot be read
  items: Item[];
}

/** Looks at one message alone. Throws for what is noise wherever it stands. */
export function parseMessage(zone: string, m: Message): Parsed {
  const subject = parseSubject(m.subject);
  if (subject === undefined || subject.zone !== zone) throw new Error(`subject ${quoted(m.subject)} is none of zone ${zone}'s ledger`);
  const { kind, token } = subject;
  const envelope = parseEnvelope(m.data);
  const info = KINDS[kind];
  if (envelope.payloadType !== info.payloadType) throw new Error(`payload type ${quoted(envelope.payloadType, 60)} on subject ${m.subject}`);
  if (envelope.signatures.some((s) => s.credential.length > 0)) throw new Error("an embedded credential; on the ledger credentials are records of their own");
  const bySeveral = kind === "credential" || kind === "governance";
  if (!bySeveral && envelope.signatures.length !== 1) throw new Error(`${envelope.signatures.length} signatures; a ${kind} has one`);
  const list = info.list ? readList(envelope.payload) : undefined;
  const items = (list?.items ?? []).map((bytes) => ({ bytes, digest: digestOf(bytes) }));
  return { kind, token, envelope, list, items };
}

function readList(payload: Uint8Array): List | undefined {
  try {
    return parseList(payload);
  } catch {
    return undefined; // an intent's sender gets a DENY for it; of others it is noise
  }
}
