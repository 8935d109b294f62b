// What governors and approvers sign in the page is what Go's code makes of the same words, byte for byte: the page's own
// functions on vectors that Go has written (sdk/vectors), in Node and in a real browser.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "vite";
import { resolve } from "../resolve.mjs";
import { open, patience } from "./harness.mjs";

const vectors = (name) => {
  const rows = JSON.parse(readFileSync(fileURLToPath(new URL(`../../../sdk/vectors/${name}`, import.meta.url)), "utf8").replaceAll(/: (\d{16,})(,?)$/gm, ': "$1"$2'));
  assert.ok(rows.length > 0);
  return rows;
};
const where = {};
let browser;

before(async () => {
  const entry = fileURLToPath(new URL("signer.mjs", import.meta.url));
  const [made] = await build({ configFile: false, logLevel: "error", resolve, build: { write: false, minify: false, target: "es2022", lib: { entry, formats: ["es"], fileName: "signer" } } });
  const { code } = made.output[0];
  const here = await import(`data:text/javascript;base64,${Buffer.from(code).toString("base64")}`);
  where["in Node"] = async (name, all) => Promise.all(all.map((args) => here[name](...args)));
  browser = await open();
  const page = await browser.newPage();
  page.setDefaultTimeout(patience);
  await page.route("http://localhost/", (route) => route.fulfill({ contentType: "text/html", body: "<!doctype html>" }));
  await page.goto("http://localhost/"); // where browsers let pages sign
  where["in a browser"] = (name, all) => page.evaluate(async ([source, called, questions]) => {
    const module = await import(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
    return Promise.all(questions.map((args) => module[called](...args)));
  }, [code, name, all]);
});
after(() => browser?.close());

/** The lines that the page shows for a row, where its words stand. */
function told(row) {
  if (row.kind === "approval") return [["intent", row.intent], ["as", row.approver], ["note", row.note ?? ""]];
  if (row.kind === "resume") return [...row.halts.map((id) => ["lifts", id]), ["reason", row.reason]];
  return [["reason", row.reason]];
}

for (const place of ["in Node", "in a browser"]) {
  test(`records are the same bytes, signed the same, ${place}`, async () => {
    const rows = vectors("signed.json");
    const made = await where[place]("signed", rows.map((row) => [row]));
    const kinds = new Set();
    rows.forEach((row, i) => {
      const got = made[i];
      assert.equal(got !== undefined, row.ok, row.about);
      if (!row.ok) return;
      kinds.add(row.kind);
      for (const name of ["payload_type", "payload", "digest", "pae", "key_ids", "public_keys", "envelope"]) assert.deepEqual(got[name], row[name], `${row.about}: ${name}`);
      assert.equal(got.again, row.payload, `${row.about}: read and written again`);
      assert.deepEqual([got.tally.signed.length, got.tally.bad, got.tally.missing], [row.keys.length, [], []], `${row.about}: who signed`);
      const lines = got.words.lines.filter((line) => line.name !== "scope").map((line) => [line.name, line.text]);
      assert.deepEqual(lines, told(row), `${row.about}: what is shown`);
    });
    assert.deepEqual([...kinds].sort(), ["approval", "halt", "resume"]);
  });

  test(`the file of a resume is the same text, ${place}`, async () => {
    const rows = vectors("signed.json");
    const payload = new Map(rows.map((row) => [row.digest, row.payload]));
    const files = rows.filter((row) => row.halts_file !== undefined);
    assert.ok(files.some((row) => row.halts.length > 1));
    const made = await where[place]("travelling", files.map((row) => [row.envelope, row.halts.map((id) => payload.get(id))]));
    files.forEach((row, i) => assert.deepEqual(made[i], { text: row.halts_file, again: row.halts_file }, row.about));
  });

  test(`a text means the same scope, or none, ${place}`, async () => {
    const [{ ledger, trust_domain, zone }] = vectors("signed.json");
    const rows = vectors("scopes.json");
    const made = await where[place]("scope", rows.map((row) => [row.text, { ledger, trust_domain, zone }]));
    assert.deepEqual(rows.map((row, i) => [row.text, made[i]]), rows.map((row) => [row.text, row.bytes]));
  });

  test(`a key is introduced by the same bytes, and the credential holds, ${place}`, async () => {
    const rows = vectors("bindings.json");
    const made = await where[place]("binding", rows.map((row) => [row]));
    rows.forEach((row, i) => {
      const { payload, key_ids, pae, signature, approver } = row;
      assert.deepEqual(made[i], { payload, key_ids, pae, signature, name: approver, keyID: key_ids[1] }, row.about);
    });
    const numbers = vectors("ecdsa.json");
    assert.deepEqual(await where[place]("der", numbers.map((row) => [row.raw])), numbers.map((row) => row.der));
  });

  test(`each record has an id of its own, of now, ${place}`, async () => {
    const [{ before: from, made, after: to }] = await where[place]("ids", [[vectors("signed.json")[0]]]);
    assert.notEqual(made[0], made[1]);
    for (const id of made) {
      assert.match(id, /^[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}$/); // UUIDv7
      const at = Number.parseInt(id.slice(0, 12), 16);
      assert.ok(from <= at && at <= to, `${from} <= ${at} <= ${to}`);
    }
  });
}

test("half a character, which has no bytes of its own, is never signed", async () => {
  const half = "half \ud83c of a letter";
  const rows = vectors("signed.json").filter((row) => row.ok);
  const of = (kind, more) => ({ ...rows.find((row) => row.kind === kind), ...more });
  const spoiled = [of("halt", { reason: half }), of("halt", { scope: `session:alice#${half}` }), of("resume", { reason: half }), of("approval", { note: half })];
  assert.deepEqual(await where["in Node"]("signed", spoiled.map((row) => [row])), spoiled.map(() => undefined));
});
