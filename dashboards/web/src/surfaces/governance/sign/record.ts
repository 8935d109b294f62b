import { create } from "@bufbuild/protobuf";
import { uuid7 } from "$sdk/agent/intent";
import { type Governance, GovernanceSchema, HaltSchema, ResumeSchema, type Scope, ScopeKind, ScopeSchema } from "$sdk/gen/portcullis/v1/governance_pb";
import { type Approval, ApprovalSchema } from "$sdk/gen/portcullis/v1/pulse_pb";
import { Role } from "$sdk/gen/portcullis/v1/release_pb";
import { type Envelope, pae, parseEnvelope, sealed, verifiedBy } from "$sdk/trust/envelope";
import { parseIdentity, spiffeID } from "$sdk/trust/identity";
import { type Digest, digestIn, fromHex, utf8 } from "$sdk/wire/bytes";
import { decode, encode } from "$sdk/wire/decode";
import { isName, KINDS } from "$sdk/wire/kinds";
import { MAX_ITEM, MAX_PAYLOAD } from "$sdk/wire/limits";
import type { HeldKey } from "./key";

/** Where records are for: the ledger and the names of its zone. */
export interface Place {
  ledger: Digest;
  trust_domain: string;
  zone: string;
}

/**
 * A scope as people write it: global, zone, drill, tool:NAME, agent:NAME or session:AGENT#SESSION, whose session has at
 * most 64 bytes. The same texts mean the same as in core/governance (sdk/vectors/scopes.json). Throws for anything else.
 */
export function parseScope(text: string, place: Place): Scope {
  const [kind = "", value = ""] = split(text, ":");
  const make = (scopeKind: ScopeKind, of = "", session = ""): Scope => create(ScopeSchema, { kind: scopeKind, value: of, session });
  if (text === "global") return make(ScopeKind.GLOBAL);
  if (text === "zone") return make(ScopeKind.ZONE, place.zone);
  if (text === "drill") return make(ScopeKind.DRILL);
  if (kind === "tool" && isName(value)) return make(ScopeKind.TOOL, value);
  if (kind === "agent" && isName(value)) return make(ScopeKind.AGENT, agentID(value, place));
  const [name = "", session = ""] = split(value, "#");
  if (kind === "session" && isName(name) && session !== "" && utf8(session).length <= 64) return make(ScopeKind.SESSION, agentID(name, place), session);
  throw new Error("a scope is global, tool:NAME, agent:NAME or session:AGENT#SESSION");
}

function split(text: string, by: string): [string, string] {
  const at = text.indexOf(by);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

function agentID(name: string, place: Place): string {
  return spiffeID({ trustDomain: place.trust_domain, zone: place.zone, role: Role.AGENT, name });
}

/** A halt's payload: the bytes that are signed. Its id makes it another than equal ones. */
export function haltPayload(place: Place, scope: string, reason: string, id = uuid7()): Uint8Array {
  const halt = create(HaltSchema, { scope: parseScope(scope, place), reason });
  return governancePayload(place, id, { case: "halt", value: halt });
}

/** A resume's payload; halts are named by the digests of their payloads. */
export function resumePayload(place: Place, halts: Digest[], reason: string, id = uuid7()): Uint8Array {
  return governancePayload(place, id, { case: "resume", value: create(ResumeSchema, { halts: halts.map(fromHex), reason }) });
}

function governancePayload(place: Place, id: Uint8Array, record: Governance["record"]): Uint8Array {
  return encode(GovernanceSchema, create(GovernanceSchema, { ledger: fromHex(place.ledger), id, record }));
}

/** The payload of an answer to one intent. */
export function approvalPayload(place: Place, approver: string, intent: Digest, approve: boolean, note: string): Uint8Array {
  const id = spiffeID({ trustDomain: place.trust_domain, zone: place.zone, role: Role.APPROVER, name: approver });
  return encode(ApprovalSchema, create(ApprovalSchema, { ledger: fromHex(place.ledger), intentDigest: fromHex(intent), approver: id, approve, note }));
}

/** Signs a payload and returns the envelope, with the signatures that it has already. */
export async function sign(payloadType: string, payload: Uint8Array, key: HeldKey, before: Envelope["signatures"] = []): Promise<Uint8Array> {
  const sig = await key.sign(pae(payloadType, payload));
  return sealed(payloadType, payload, [...before, { keyID: key.id, sig }]);
}

export const governanceType = KINDS.governance.payloadType;
export const approvalType = KINDS.approval.payloadType;

/** What a payload says, line by line, read from the very bytes that are signed. */
export interface Words {
  what: string;
  lines: { name: string; text: string }[];
}

/** Reads a halt's, a trip's or a resume's payload for people. Throws if it is none, or for another ledger. */
export function wordsOf(payload: Uint8Array, place: Place): Words {
  const record = decode(GovernanceSchema, payload, MAX_PAYLOAD);
  ofLedger(record.ledger, place);
  const one = record.record;
  switch (one.case) {
    case "halt":
      return { what: one.value.scope?.kind === ScopeKind.DRILL ? "A drill: it stops nothing" : "Halt", lines: [line("scope", scopeText(one.value.scope)), line("reason", one.value.reason)] };
    case "trip":
      return { what: "Trip", lines: [line("scope", scopeText(one.value.scope)), line("rule", one.value.rule), line("subject", one.value.subject), line("detail", one.value.detail)] };
    case "resume":
      return { what: "Resume", lines: [...one.value.halts.map((id) => line("lifts", digestIn(id))), line("reason", one.value.reason)] };
    default:
      throw new Error("the record is neither a halt nor a resume");
  }
}

/** Reads an approval's payload for people. */
export function approvalWords(payload: Uint8Array, place: Place): Words {
  const answer: Approval = decode(ApprovalSchema, payload, MAX_ITEM);
  ofLedger(answer.ledger, place);
  return {
    what: answer.approve ? "Approve" : "Refuse",
    lines: [line("intent", digestIn(answer.intentDigest)), line("as", parseIdentity(answer.approver).name), line("note", answer.note)],
  };
}

function ofLedger(ledger: Uint8Array, place: Place): void {
  if (digestIn(ledger) !== place.ledger) throw new Error(`the record is for ledger ${digestIn(ledger).slice(0, 8)}, and this is ${place.ledger.slice(0, 8)}`);
}

function line(name: string, text: string): { name: string; text: string } {
  return { name, text };
}

/** What a scope covers, in words; one that cannot be read halts everything, as followers judge it. */
export function scopeText(scope: Scope | undefined): string {
  switch (scope?.kind) {
    case ScopeKind.ZONE:
      return `zone ${scope.value}`;
    case ScopeKind.TOOL:
      return `tool ${scope.value}, for every agent`;
    case ScopeKind.AGENT:
      return `agent ${scope.value}, every tool`;
    case ScopeKind.SESSION:
      return `session ${scope.session} of ${scope.value}`;
    case ScopeKind.DRILL:
      return "nothing: a drill";
    default:
      return "everything";
  }
}

/** A governor by the release in force. */
export interface Governor {
  name: string;
  key: Digest;
  public_key: string; // base64
  revoked: boolean;
}

/** Whose signatures on an envelope verify, and which do not. One key counts once. */
export interface Tally {
  signed: string[];
  missing: string[];
  bad: Digest[];
}

/** Counts a record's signatures by the governors in force. */
export function tally(envelope: Uint8Array, governors: (Governor & { raw: Uint8Array })[]): Tally {
  const env = parseEnvelope(envelope);
  const found = new Set<Digest>();
  const bad: Digest[] = [];
  env.signatures.forEach((s, i) => {
    const governor = governors.find((g) => g.key === s.keyID && !g.revoked);
    if (governor !== undefined && verifiedBy(env, i, governor.raw)) found.add(s.keyID);
    else bad.push(s.keyID);
  });
  const may = governors.filter((g) => !g.revoked);
  return { signed: may.filter((g) => found.has(g.key)).map((g) => g.name), missing: may.filter((g) => !found.has(g.key)).map((g) => g.name), bad };
}
