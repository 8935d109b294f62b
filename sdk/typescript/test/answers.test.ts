import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { Answers } from "../src/agent/answers.js";
import { Waiting } from "../src/agent/waiting.js";
import { positionText } from "../src/ledger/position.js";
import { parseIssuers } from "../src/trust/chain.js";
import { parseIdentity } from "../src/trust/identity.js";
import { fromHex } from "../src/wire/bytes.js";
import { repository } from "./repository.js";

/** One answer, and what Go's agent then knows of its intent when its deadline passes. */
interface Vector {
  about: string;
  agent: string;
  ledger: string;
  issuer: string;
  at: string;
  intent: string;
  answer: string;
  told: string;
  round: boolean;
}

const text = readFileSync(repository("sdk/vectors/answers.json"), "utf8");
const rows = JSON.parse(text.replaceAll(/: (\d{16,})(,?)$/gm, ': "$1"$2')) as Vector[];

for (const v of rows) {
  test(`an answer, ${v.about}: ${v.told.slice(0, 60)}`, async () => {
    const reader = { id: parseIdentity(v.agent), spiffeID: v.agent, ledger: v.ledger, issuers: parseIssuers([fromHex(v.issuer)]) };
    const dropped: Error[] = [];
    const answers = new Answers(reader, (err) => dropped.push(err), () => BigInt(v.at));
    let round = false;
    const waiting = new Waiting(v.intent, Number(BigInt(v.at) / 1_000_000n), () => (round = true));
    answers.expect(waiting);
    answers.take(fromHex(v.answer));
    answers.take(fromHex(v.answer)); // the second time is no better
    waiting.unanswered();
    const told = await waiting.done.then(
      (o) => `${positionText(o.claim)} ${positionText(o.at)} ${new TextDecoder().decode(o.result)}`,
      (err: unknown) => (err as Error).message,
    );
    assert.equal(told, v.told, String(dropped[0]));
    assert.equal(round, v.round);
    const waitsOn = v.told.includes("no answer before the deadline");
    assert.equal(dropped.length > 0, waitsOn && v.about !== "allowed" && v.about !== "about another intent");
  });
}

test("no random bytes settle anything", async () => {
  const [v] = rows;
  assert.ok(v !== undefined);
  const reader = { id: parseIdentity(v.agent), spiffeID: v.agent, ledger: v.ledger, issuers: parseIssuers([fromHex(v.issuer)]) };
  const answers = new Answers(reader, () => undefined, () => BigInt(v.at));
  const waiting = new Waiting(v.intent, 0, undefined);
  let settled = false;
  void waiting.done.then(() => (settled = true), () => (settled = true));
  answers.expect(waiting);
  const honest = fromHex(rows.find((r) => r.about === "denied")?.answer ?? "");
  assert.ok(honest.length > 0);
  for (let i = 0; i < honest.length; i++) {
    const spoiled = honest.slice();
    spoiled[i] = (spoiled[i] ?? 0) ^ (1 << i % 8);
    answers.take(spoiled);
    answers.take(honest.slice(0, i));
  }
  await new Promise((done) => setImmediate(done));
  assert.equal(settled, false);
  answers.take(honest);
  await waiting.done.catch(() => undefined);
  assert.equal(settled, true);
});
