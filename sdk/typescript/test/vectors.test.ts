import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import type { DescMessage } from "@bufbuild/protobuf";

import { encodeIntent } from "../src/agent/intent.js";
import { file_portcullis_v1_answer } from "../src/gen/portcullis/v1/answer_pb.js";
import { file_portcullis_v1_claim } from "../src/gen/portcullis/v1/claim_pb.js";
import { file_portcullis_v1_credential } from "../src/gen/portcullis/v1/credential_pb.js";
import { file_portcullis_v1_decision } from "../src/gen/portcullis/v1/decision_pb.js";
import { file_portcullis_v1_envelope } from "../src/gen/portcullis/v1/envelope_pb.js";
import { file_portcullis_v1_governance } from "../src/gen/portcullis/v1/governance_pb.js";
import { file_portcullis_v1_intent } from "../src/gen/portcullis/v1/intent_pb.js";
import { file_portcullis_v1_pulse } from "../src/gen/portcullis/v1/pulse_pb.js";
import { parseIssuers } from "../src/trust/chain.js";
import { verifyCredential } from "../src/trust/credential.js";
import { verify } from "../src/trust/ed25519.js";
import { marshalList, pae, parseEnvelope, parseList, seal, signingKey, verifiedBy } from "../src/trust/envelope.js";
import { digestOf, fromHex, toHex } from "../src/wire/bytes.js";
import { tryDecode } from "../src/wire/decode.js";
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
