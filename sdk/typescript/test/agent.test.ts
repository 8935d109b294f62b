import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { Agent, Closed, NotSent, type Outcome, Refused, Unanswered, verifyProof } from "../src/index.js";
import { within, Zone } from "./zone.js";

let zone: Zone;
let agent: Agent;
const dropped: Error[] = [];

before(async () => {
  zone = await Zone.start();
  agent = await Agent.open({ folder: zone.agent(), within: 30_000, dropped: (err) => dropped.push(err) });
});

after(async () => {
  await agent.close();
  await zone.remove();
});

const read = (path: string) => ({ tool: "file-read", resource: path, arguments: { path }, timeout: 30_000 });

test("an allowed action is executed, and its result comes back", async () => {
  const out = await agent.propose(read("notes.txt"));
  assert.equal(contentOf(out), "the gate holds\n");
  assert.ok(out.claim.sequence > 0n && out.at.sequence > out.claim.sequence);
  assert.deepEqual(dropped, []);
});

test("what was executed is proved by a file that verifies here", async () => {
  const out = await agent.propose(read("notes.txt"));
  const path = join(zone.data, "..", "executed.proof.json");
  await zone.run("prove", out.intent, "-o", path, "--wait", "30s");
  const result = verifyProof(await readFile(path), zone.ledger);
  assert.equal(result.ok, true, JSON.stringify(result.steps, null, 1));
  assert.equal(result.kind, "executed");
  assert.equal(result.intent, out.intent);
});

test("a denied action is refused with its reasons, and nothing happens", async () => {
  await assert.rejects(agent.propose(read("secret/key.txt")), (err) => {
    assert.ok(err instanceof Refused);
    assert.deepEqual(err.reasons, ["policy.forbidden"]);
    assert.deepEqual(err.policies, ["no-secrets"]);
    assert.ok(err.decidedAt.sequence > err.at.sequence);
    return true;
  });
});

test("intents that queue up share lists, keep their order, and each gets its own answer", async () => {
  const session = agent.newSession();
  const paths = Array.from({ length: 20 }, (_, i) => (i % 4 === 3 ? `secret/${i}` : "notes.txt"));
  const outcomes = await Promise.allSettled(paths.map((path) => session.propose(read(path))));
  outcomes.forEach((o, i) => assert.equal(o.status, i % 4 === 3 ? "rejected" : "fulfilled", String((o as PromiseRejectedResult).reason)));
});

test("a request that is no intent rejects, and the session goes on", async () => {
  const session = agent.newSession();
  await assert.rejects(session.propose({ ...read("notes.txt"), tool: "No Such Tool!" }), /Intent/);
  await assert.rejects(session.propose({ ...read("notes.txt"), arguments: "[1]" }), /no JSON object/);
  await assert.rejects(session.propose({ ...read("notes.txt"), resource: "\ud800" }), /./);
  await session.propose(read("notes.txt"));
});

test("whoever stops waiting is not told that nothing happened", async () => {
  const stop = new AbortController();
  const proposed = agent.propose({ ...read("notes.txt"), signal: stop.signal, proposing: () => stop.abort(new Error("enough")) });
  await assert.rejects(proposed, /may still be executed/);
});

test("a folder that others can read is refused", async () => {
  const { chmod } = await import("node:fs/promises");
  const key = join(zone.agent(), "signing.pem");
  await chmod(key, 0o644);
  await assert.rejects(Agent.open({ folder: zone.agent() }), /chmod 600/);
  await chmod(key, 0o600);
});

test("a key that is not enrolled connects nowhere", async () => {
  const nkey = join(zone.agent(), "nats.nk");
  const kept = await readFile(nkey, "utf8");
  const { createUser } = await import("@nats-io/nkeys");
  await writeFile(nkey, new TextDecoder().decode(createUser().getSeed()));
  await assert.rejects(Agent.open({ folder: zone.agent(), within: 1_500 }), /cannot connect|belong together/);
  await writeFile(nkey, kept);
});

test("while the zone is down nothing is executed; when it is back, the same agent goes on", async () => {
  await zone.down();
  await assert.rejects(agent.propose({ ...read("notes.txt"), timeout: 1_000 }), (err) => err instanceof Unanswered || err instanceof NotSent);
  await assert.rejects(Agent.open({ folder: zone.agent(), within: 1_000 }), /cannot connect/);
  await zone.up();
  const out = await within(untilExecuted(), "the agent goes on");
  assert.equal(contentOf(out), "the gate holds\n");
});

test("a closed agent ends what waits", async () => {
  const other = await Agent.open({ folder: zone.agent(), within: 30_000 });
  const proposed = other.propose(read("notes.txt"));
  await other.close();
  await assert.rejects(proposed, Closed);
  await assert.rejects(other.propose(read("notes.txt")), Closed);
});

function contentOf(out: Outcome): string {
  return (JSON.parse(new TextDecoder().decode(out.result)) as { content: string }).content;
}

async function untilExecuted() {
  for (;;) {
    try {
      return await agent.newSession().propose({ ...read("notes.txt"), timeout: 10_000 });
    } catch (err) {
      if (!(err instanceof Unanswered) && !(err instanceof Refused)) throw err;
    }
  }
}
