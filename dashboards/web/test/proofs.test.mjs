// Proof files are judged in the browser, as Go and the SDK judge them.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { accessible, open, shot, until, visit, zone } from "./harness.mjs";

const repository = (path) => fileURLToPath(new URL(`../../../${path}`, import.meta.url));
const vectors = repository("core/proof/testdata/vectors");
const index = JSON.parse(readFileSync(`${vectors}/index.json`, "utf8"));
const tampered = JSON.parse(readFileSync(repository("sdk/vectors/tampered.json"), "utf8"));

let browser, z, executed, denied;
before(async () => {
  z = await zone();
  const ask = (...more) => z.cli(["propose", "--as", "scout", ...more], { codes: [0, 3, 4, 5, 6] })[0];
  executed = ask("--tool", "file-read", "--resource", "reports/q3.txt", "--arg", "path=reports/q3.txt");
  denied = ask("--tool", "transfer", "--resource", "acme", "--arg", "to=acme", "--arg", "amount=5000", "--arg", "currency=EUR");
  browser = await open();
});
after(async () => {
  await browser?.close();
  await z?.close();
});

const verdict = (page) => page.getByRole("region", { name: "Verdict" });
const judged = async (page) => {
  await verdict(page).waitFor();
  return verdict(page).getAttribute("data-verdict");
};

/** Asks the console for a proof, as often as it says that no checkpoint covers it yet. */
async function prove(page, intent) {
  await page.getByLabel("Intent of this ledger").fill(intent);
  await page.getByRole("button", { name: "Get its proof" }).click();
  await until("the proof is made", async () => {
    if (await page.getByText(`judged here: the proof of ${intent}`).isVisible()) return true;
    if (await page.getByText("no checkpoint covers it yet").isVisible()) await page.getByRole("button", { name: "Get its proof" }).click();
    return false;
  });
}

async function give(page, name, text) {
  await page.getByLabel("Proof file", { exact: true }).setInputFiles({ name, mimeType: "application/json", buffer: Buffer.from(text) });
}

async function trust(page, anchor) {
  await page.getByLabel(/ledger that you trust/).fill(anchor);
}

for (const colorScheme of ["dark", "light"]) {
  test(`an executed and a denied intent of this ledger, ${colorScheme}`, async () => {
    const { page, context, fine } = await visit(browser, `${z.url}/#/proofs`, { colorScheme });
    await prove(page, executed.intent);
    assert.equal(await judged(page), "holds");
    await verdict(page).getByText("EXECUTED", { exact: false }).waitFor();
    await page.getByText("✓ root", { exact: false }).waitFor();
    await accessible(page);
    if (colorScheme === "dark") await shot(page, "proofs");
    await prove(page, denied.intent);
    await verdict(page).getByText("DENIED", { exact: false }).waitFor();
    assert.equal(await judged(page), "holds");
    // Another record, by the keyboard: its place in the tree is drawn.
    const first = page.getByRole("region", { name: "Records" }).getByRole("button").first();
    await first.focus();
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Position 1 in the tree" }).waitFor();
    fine();
    await context.close();
  });
}

test("every vector is judged as in Go, by the same step", async () => {
  const { page, context, fine } = await visit(browser, `${z.url}/#/proofs`);
  for (const v of index) {
    await trust(page, v.anchor);
    await give(page, v.file, readFileSync(`${vectors}/${v.file}`, "utf8"));
    await page.getByText(`judged here: ${v.file}`).waitFor();
    assert.equal(await judged(page), v.ok ? "holds" : v.failed, v.file);
  }
  fine();
  await context.close();
});

test("a tampered file shows the step that fails, and no step behind it as established", async () => {
  const { page, context, fine } = await visit(browser, `${z.url}/#/proofs`);
  const rows = tampered.filter((r) => r.file === "executed.json");
  const some = rows.filter((_, i) => i % Math.ceil(rows.length / 40) === 0);
  const original = readFileSync(`${vectors}/executed.json`, "utf8");
  for (const [i, row] of some.entries()) {
    const file = JSON.parse(original);
    alter(file, row);
    await trust(page, row.anchor);
    await give(page, `tampered-${i}.json`, JSON.stringify(file));
    await page.getByText(`judged here: tampered-${i}.json`).waitFor();
    assert.equal(await judged(page), row.failed === "" ? "holds" : row.failed, `${row.how} of record ${row.record}`);
    if (row.failed !== "") {
      const steps = await page.locator("[data-step]").evaluateAll((all) => all.map((s) => [s.dataset.step, s.dataset.established]));
      const at = steps.findIndex(([name]) => name === row.failed);
      assert.ok(at >= 0 && steps.slice(at).every(([, established]) => established === "false"), JSON.stringify(steps));
    }
  }
  await accessible(page);
  fine();
  await context.close();
});

/** As sdk/vectors/tampered_test.go and the SDK's tests alter a file. */
function alter(file, row) {
  const record = file.records[row.record];
  const flip = (text, at) => {
    const bytes = Buffer.from(text, "base64");
    bytes[at] ^= 1;
    return bytes.toString("base64");
  };
  switch (row.how) {
    case "drop": file.records.splice(row.record, 1); break;
    case "position": record.position += 1; break;
    case "time": record.time = String(BigInt(record.time) - 1n); break;
    case "log_time": record.log_time = String(BigInt(record.log_time) + 1n); break;
    case "subject": record.subject += "x"; break;
    case "envelope": record.envelope = flip(record.envelope, row.at); break;
    case "inclusion": record.inclusion[row.at] = flip(record.inclusion[row.at], 0); break;
    case "checkpoint": {
      const bytes = Buffer.from(file.checkpoint);
      bytes[row.at] = 0x41;
      file.checkpoint = bytes.toString();
      break;
    }
    default: throw new Error(`unknown tampering ${row.how}`);
  }
}

test("by another ledger's anchor, or none, nothing is proved", async () => {
  const { page, context, fine } = await visit(browser, `${z.url}/#/proofs`);
  await prove(page, executed.intent);
  assert.equal(await judged(page), "holds");
  for (const anchor of ["", "0".repeat(64), "f".repeat(64), "nonsense"]) {
    await trust(page, anchor);
    await until(`refused by ${anchor}`, async () => (await judged(page)) === "anchor");
  }
  fine();
  await context.close();
});

test("garbage and hostile texts are only texts", async () => {
  const { page, context, fine } = await visit(browser, `${z.url}/#/proofs`);
  for (const [name, text] of [
    ["empty.json", " "],
    ["large.json", "x".repeat(5 << 20)],
    ["html.json", "<img src=x onerror=alert(1)><script>alert(1)</script>"],
    ["deep.json", "[".repeat(100_000)],
  ]) {
    await give(page, name, text);
    await page.getByText(`judged here: ${name}`).waitFor();
    assert.equal(await judged(page), "form", name);
  }
  fine();
  await context.close();
});

test("an intent that is not there, and one that means nothing", async () => {
  const { page, context, fine } = await visit(browser, `${z.url}/#/proofs/intent/${"ab".repeat(32)}`);
  await page.getByRole("alert").getByText(/no such/).first().waitFor();
  await page.goto(`${z.url}/#/proofs/intent/${encodeURIComponent("../status")}`);
  await page.getByRole("alert").getByText(/cannot be meant|no such/).first().waitFor();
  fine();
  await context.close();
});

test("the viewer, saved with a proof, works from a file without any network", async () => {
  const { page, context, fine } = await visit(browser, `${z.url}/#/proofs`, { acceptDownloads: true });
  await prove(page, executed.intent);
  assert.equal(await judged(page), "holds");
  const anchor = await page.getByLabel(/ledger that you trust/).inputValue();
  const saving = page.waitForEvent("download");
  await page.getByRole("button", { name: /with its viewer/ }).click();
  const path = join(z.folder, "saved.html");
  await (await saving).saveAs(path);
  fine();
  await context.close();

  for (const hostile of [false, true]) {
    const file = hostile ? join(z.folder, "hostile.html") : path;
    if (hostile) writeFileSync(file, readFileSync(path, "utf8").replace("</body>", "<script>document.title='taken'</script></body>"));
    const alone = await browser.newContext({ offline: true });
    const saved = await alone.newPage();
    const faults = [];
    saved.on("pageerror", (err) => faults.push(err.message));
    saved.on("request", (asked) => { if (!asked.url().startsWith("file:")) faults.push(asked.url()); });
    await saved.goto(pathToFileURL(file).href);
    assert.equal(await judged(saved), "anchor", "it trusts a ledger that nobody named");
    await trust(saved, anchor);
    await until("it holds", async () => (await judged(saved)) === "holds");
    assert.equal(await saved.title(), "Portcullis proof viewer", "a foreign script ran");
    assert.deepEqual(faults, []);
    if (!hostile) await accessible(saved);
    await alone.close();
  }
});

test("on a phone it fits", async () => {
  const { page, context, fine } = await visit(browser, `${z.url}/#/proofs`, { viewport: { width: 360, height: 740 } });
  await prove(page, executed.intent);
  assert.equal(await judged(page), "holds");
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), 0);
  await accessible(page);
  fine();
  await context.close();
});
