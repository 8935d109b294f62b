import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import type { DescMessage } from "@bufbuild/protobuf";

import { encodeIntent, uuid7 } from "../src/agent/intent.js";
import { file_portcullis_v1_answer } from "../src/gen/portcullis/v1/answer_pb.js";
import { file_portcullis_v1_claim } from "../src/gen/portcullis/v1/claim_pb.js";
import { file_portcullis_v1_credential } from "../src/gen/portcullis/v1/credential_pb.js";
import { file_portcullis_v1_decision } from "../src/gen/portcullis/v1/decision_pb.js";
import { file_portcullis_v1_envelope } from "../src/gen/portcullis/v1/envelope_pb.js";
import { file_portcullis_v1_governance, GovernanceSchema } from "../src/gen/portcullis/v1/governance_pb.js";
import { file_portcullis_v1_intent } from "../src/gen/portcullis/v1/intent_pb.js";
import { ApprovalSchema, file_portcullis_v1_pulse } from "../src/gen/portcullis/v1/pulse_pb.js";
import { parseIssuers } from "../src/trust/chain.js";
import { verifyCredential } from "../src/trust/credential.js";
import { verify } from "../src/trust/ed25519.js";
import { marshalList, pae, parseEnvelope, parseList, seal, sealed, signingKey, verifiedBy } from "../src/trust/envelope.js";
import { digestOf, fromBase64, fromHex, toHex } from "../src/wire/bytes.js";
import { decode, encode, tryDecode } from "../src/wire/decode.js";
import { KINDS } from "../src/wire/kinds.js";
import { MAX_PAYLOAD } from "../src/wire/limits.js";
import { repository } from "./repository.js";

/** The rows of a file that Go wrote. Whole numbers beyond 2^53 stand as text. */
function vectors<T>(name: string): T[] {
  const text = readFileSync(repository(`sdk/vectors/${name}`), "utf8");
  const rows = JSON.parse(text.replaceAll(/: (\d{16,})(,?)$/gm, ': "$1"$2')) as T[];
  assert.ok(rows.length > 0);
  return rows;
}

test("signatures verify exactly where Go's do", () => {
  for (const v of vectors<{ about: string; key: string; message: string; signature: string; ok: boolean }>("ed25519.json")) {
    assert.equal(verify(fromHex(v.key), fromHex(v.message), fromHex(v.signature)), v.ok, v.about);
  }
});

interface IntentVector {
  about: string; seed: string; key_id: string; ledger: string; id: string; agent: string; session: string; sequence: string | number;
  previous?: string; parents?: string[]; tool: string; action?: string; resource?: string; arguments: string; context?: string;
  deadline: number; trace_parent?: string; definition?: string;
  bytes: string; digest: string; payload: string; pae: string; envelope: string;
}

test("an agent puts the same bytes on the wire as Go's", () => {
  for (const v of vectors<IntentVector>("intents.json")) {
    const link = { agent: v.agent, session: v.session, sequence: BigInt(v.sequence), previous: v.previous };
    const request = {
      tool: v.tool, arguments: v.arguments, resource: v.resource ?? "", parents: v.parents ?? [], traceParent: v.trace_parent ?? "",
      ...(v.action === undefined ? {} : { action: v.action }),
      ...(v.context === undefined ? {} : { context: v.context }),
      ...(v.definition === undefined ? {} : { definition: v.definition }),
    };
    const item = encodeIntent(request, link, v.deadline, fromHex(v.id));
    assert.equal(toHex(item), v.bytes, v.about);
    assert.equal(digestOf(item), v.digest);
    const key = signingKey(fromHex(v.seed));
    assert.equal(key.id, v.key_id);
    const payload = marshalList(v.ledger, [item]);
    assert.equal(toHex(payload), v.payload);
    assert.equal(toHex(pae(KINDS.intent.payloadType, payload)), v.pae);
    const envelope = seal(KINDS.intent.payloadType, payload, key);
    assert.equal(toHex(envelope), v.envelope);
    const read = parseEnvelope(envelope);
    assert.ok(verifiedBy(read, 0, key.publicKey));
    assert.deepEqual(parseList(read.payload), { ledger: v.ledger, items: [item] });
  }
});

test("half a character is refused, and no other text is signed in its place", () => {
  const link = { agent: "spiffe://example.test/home/agent/scout", session: "s", sequence: 1n, previous: undefined };
  const request = { tool: "file-read", arguments: { path: "a" }, resource: "a", timeout: 1000 };
  assert.ok(encodeIntent(request, link, Date.now(), uuid7()).length > 0);
  for (const half of ["\ud800", "a\udc00b"]) {
    assert.throws(() => encodeIntent({ ...request, resource: half }, link, Date.now(), uuid7()), /half a character/);
    assert.throws(() => encodeIntent({ ...request, arguments: `{"path":"${half}"}` }, link, Date.now(), uuid7()), /not Unicode/);
  }
});

interface SignedVector {
  about: string; kind: string; ok: boolean; keys: string[]; key_ids: string[]; public_keys: string[];
  payload_type: string; payload: string; digest: string; pae: string; envelope: string;
}

test("what governors and approvers sign is written and signed again as by Go", () => {
  const rows = vectors<SignedVector>("signed.json").filter((v) => v.ok);
  assert.ok(rows.some((v) => v.key_ids.length > 1));
  for (const v of rows) {
    const [schema, kind] = v.kind === "approval" ? [ApprovalSchema, KINDS.approval] as const : [GovernanceSchema, KINDS.governance] as const;
    assert.equal(v.payload_type, kind.payloadType);
    const payload = fromHex(v.payload);
    assert.equal(toHex(encode<DescMessage>(schema, decode<DescMessage>(schema, payload, MAX_PAYLOAD))), v.payload, v.about);
    assert.equal(digestOf(payload), v.digest);
    assert.equal(toHex(pae(v.payload_type, payload)), v.pae);
    const keys = v.keys.map((pem) => signingKey(seedIn(pem)));
    assert.deepEqual(keys.map((key) => [key.id, toHex(key.publicKey)]), v.key_ids.map((id, i) => [id, v.public_keys[i]]));
    const signatures = keys.flatMap((key) => parseEnvelope(seal(v.payload_type, payload, key)).signatures);
    assert.equal(toHex(sealed(v.payload_type, payload, signatures)), v.envelope, v.about);
    const read = parseEnvelope(fromHex(v.envelope));
    assert.ok(keys.every((key, i) => verifiedBy(read, i, key.publicKey)), v.about);
  }
});

/** The seed in an Ed25519 key's PEM text: the last 32 bytes of its PKCS #8. */
function seedIn(pem: string): Uint8Array {
  return fromBase64(pem.replaceAll(/-----.*-----|\n/g, "")).slice(-32);
}

const messages = new Map<string, DescMessage>(
  [
    file_portcullis_v1_answer, file_portcullis_v1_claim, file_portcullis_v1_credential, file_portcullis_v1_decision,
    file_portcullis_v1_envelope, file_portcullis_v1_governance, file_portcullis_v1_intent, file_portcullis_v1_pulse,
  ].flatMap((file) => file.messages.map((m) => [m.name, m] as const)),
);

interface RecordVector {
  about: string; type: string; bytes: string;
  cases: { about: string; behind?: string; instead?: string; ok: boolean }[];
}

for (const v of vectors<RecordVector>("records.json")) {
  test(`${v.about}: read and refused exactly as by Go`, () => {
    const schema = messages.get(v.type);
    assert.ok(schema !== undefined, v.type);
    for (const one of v.cases) {
      const data = fromHex(one.instead ?? v.bytes + (one.behind ?? ""));
      const whole = one.about === "no byte at all" ? new Uint8Array() : data;
      assert.equal(tryDecode(schema, whole, MAX_PAYLOAD) !== undefined, one.ok, one.about);
    }
  });
}

test("envelopes are read and refused exactly as by Go", () => {
  for (const v of vectors<{ about: string; bytes: string; ok: boolean }>("envelopes.json")) {
    assert.equal(holds(() => parseEnvelope(fromHex(v.bytes))) !== undefined, v.ok, v.about);
  }
});

test("credentials hold exactly where Go's do", () => {
  for (const v of vectors<{ about: string; envelope: string; issuers: string[]; at: string; ok: boolean; spiffe_id?: string; key_id?: string }>("credentials.json")) {
    const issuers = parseIssuers(v.issuers.map(fromHex));
    const cred = holds(() => verifyCredential(parseEnvelope(fromHex(v.envelope)), issuers, BigInt(v.at)));
    assert.equal(cred !== undefined, v.ok, v.about);
    assert.equal(cred?.spiffeID, v.spiffe_id, v.about);
    assert.equal(cred?.keyID, v.key_id, v.about);
  }
});

function holds<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
