// The governance console and its kill switch, as people use them: real executors, real keys, a real browser.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { copyFile, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { accessible, binary, cli, open, patience, shot, until, visit, zone } from "./harness.mjs";
import { peopleApprove, transfer } from "./approved.mjs";

const hostile = "<img src=x onerror=alert(1)> '; DROP TABLE halts; -- \u202Egnp.exe {{7*7}} &lt;b&gt;";
let browser, z, keys;

before(async () => {
  z = await zone({ init: ["--governors", "2"] });
  // From here on no governor's signing key is where the console reads: its server cannot sign.
  keys = join(z.folder, "keys");
  await mkdir(keys, { mode: 0o700 });
  for (const name of ["g1", "g2"]) await rename(join(z.data, "governors", name, "signing.pem"), join(keys, `${name}.pem`));
  await copyFile(join(z.data, "participants", "executor", "x1", "signing.pem"), join(keys, "x1.pem"));
  browser = await open();
});
after(async () => {
  await browser?.close();
  await z?.close();
});

const key = (name) => join(keys, `${name}.pem`);
const halts = async () => (await (await fetch(`${z.url}/api/v1/governance`)).json()).halts;
const read = (timeout = "10s") => ["propose", "--as", "scout", "--tool", "file-read", "--resource", "reports/q3.txt", "--arg", "path=reports/q3.txt", "--timeout", timeout];
const codes = [0, 3, 4, 5, 6, 7, 8];

/** Opens the kill switch on a page and returns its dialog. */
async function killSwitch(page) {
  await page.getByRole("button", { name: /Kill switch/ }).click();
  const dialog = page.getByRole("dialog", { name: "Kill switch" });
  await dialog.getByLabel("Halt", { exact: true }).waitFor();
  return dialog;
}

/** Fills the kill switch in, and waits until the key is known to be a governor's. */
async function fill(dialog, { kind, name, reason, who = "g1", typed }) {
  await dialog.getByLabel("Halt", { exact: true }).selectOption(kind);
  if (kind === "tool") await dialog.getByLabel("Tool", { exact: true }).fill(name);
  if (kind === "agent") await dialog.getByLabel("Agent", { exact: true }).fill(name);
  await dialog.getByLabel(/^Reason/).fill(reason);
  await dialog.getByLabel(/^Key file/).setInputFiles(key(who));
  await dialog.getByText(`governor ${who}'s`).waitFor();
  await dialog.getByLabel(/to confirm$/).fill(typed);
}

const signAndHalt = (dialog) => dialog.getByRole("button", { name: /^Sign and/ });

/** Lifts everything by the command line, with both governors' keys. */
async function liftAll() {
  const found = await halts();
  if (found.length === 0) return;
  for (const name of ["g1", "g2"]) await copyFile(key(name), join(z.data, "governors", name, "signing.pem"));
  z.cli(["resume", "--all", "--reason", "the test goes on"]);
  for (const name of ["g1", "g2"]) await rm(join(z.data, "governors", name, "signing.pem"));
}

/** Proposes without an end, from several agents' processes at once, until it is stopped. */
function load() {
  let stopped = false;
  const one = () => new Promise((resolve) => {
    spawn(binary, ["--json", "--data", z.data, "--server", z.server, ...read("2s")], { stdio: "ignore" }).once("exit", resolve);
  });
  const loops = [1, 2].map(async () => {
    while (!stopped) await one();
  });
  return async () => {
    stopped = true;
    await Promise.all(loops);
  };
}

for (const colorScheme of ["dark", "light"]) {
  test(`what is in force is read by people, ${colorScheme}`, async () => {
    const { page, context, fine } = await visit(browser, `${z.url}/#/governance`, { colorScheme });
    await page.getByText("release 1 is in force").waitFor();
    await page.getByRole("region", { name: "Table of governors" }).getByText("g2").waitFor();
    await page.getByRole("region", { name: "Table of directory" }).getByText("mallory").waitFor();
    await page.getByRole("region", { name: "Table of tools" }).getByText("file-read").first().waitFor();
    await page.getByText("nothing is halted").waitFor();
    await page.getByText("Nothing waits for people.").waitFor();
    await page.getByText("money.cedar").first().click();
    await page.getByText("Staff may transfer up to 1000").waitFor();
    await accessible(page);
    const dialog = await killSwitch(page);
    await dialog.locator("[data-radius=global]").waitFor();
    await accessible(page);
    if (colorScheme === "dark") await shot(page, "governance");
    fine();
    await context.close();
  });
}

test("on a phone nothing is wider than the page", async () => {
  const { page, context, fine } = await visit(browser, `${z.url}/#/governance`, { viewport: { width: 360, height: 740 } });
  await page.getByText("release 1 is in force").waitFor();
  const dialog = await killSwitch(page);
  await dialog.locator("[data-radius=global]").waitFor();
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), 0);
  assert.equal(await dialog.evaluate((d) => d.scrollWidth - d.clientWidth), 0);
  fine();
  await context.close();
});

test("the kill switch is no slip of the hand", async () => {
  const { page, context, fine } = await visit(browser, `${z.url}/#/governance`);
  const sent = [];
  page.on("request", (r) => r.method() === "POST" && r.url().endsWith("/records") && sent.push(r.url()));
  const dialog = await killSwitch(page);
  const go = signAndHalt(dialog);
  assert.equal(await go.isDisabled(), true);
  await fill(dialog, { kind: "tool", name: "file-read", reason: "no", typed: "tool:file-rea" });
  assert.equal(await go.isDisabled(), true);
  await dialog.getByRole("status").filter({ hasText: "type tool:file-read to confirm" }).waitFor();
  await dialog.getByLabel(/^Reason/).press("Enter");
  await dialog.getByLabel(/to confirm$/).fill("tool:file-read");
  await dialog.getByLabel(/to confirm$/).press("Enter");
  assert.equal(await go.isEnabled(), true);

  // A key of somebody who is no governor, a file that is no key, and no key at all.
  await dialog.getByLabel(/^Key file/).setInputFiles(key("x1"));
  await dialog.getByText("no governor's by the release in force").waitFor();
  assert.equal(await go.isDisabled(), true);
  const odd = join(z.folder, "odd.pem");
  for (const text of ["nothing", "-----BEGIN PRIVATE KEY-----\nMAo=\n-----END PRIVATE KEY-----\n", `${await readFile(key("g1"), "utf8")}more`, "x".repeat(5000)]) {
    await writeFile(odd, text);
    await dialog.getByLabel(/^Key file/).setInputFiles(odd);
    await dialog.getByText(/this is no signing key/).waitFor();
    assert.equal(await go.isDisabled(), true);
    await dialog.getByLabel(/^Key file/).setInputFiles([]);
  }
  await dialog.getByLabel(/^Key file/).setInputFiles(key("g1"));
  await dialog.getByText("governor g1's").waitFor();
  await dialog.getByRole("button", { name: "Forget the key" }).click();
  assert.equal(await go.isDisabled(), true);
  await dialog.getByRole("button", { name: "Close" }).click();
  assert.deepEqual(sent, []);
  assert.deepEqual(await halts(), []);
  fine();
  await context.close();
});

test("a halt under load: nothing is said to be halted before it is, and nothing starts behind it", async () => {
  const stop = load();
  const { page, context, fine } = await visit(browser, `${z.url}/#/governance`);
  let answered = false;
  await page.route("**/api/v1/governance/records", async (route) => {
    const answer = await route.fetch();
    // The ledger has it, and this page does not know that yet.
    await until("the page says that it waits", () => page.getByText("the ledger has not answered yet").isVisible());
    assert.equal(await page.getByRole("dialog").getByText(/stands at position|quiescent/).count(), 0);
    answered = true;
    await route.fulfill({ response: answer });
  });
  const dialog = await killSwitch(page);
  await fill(dialog, { kind: "tool", name: "file-read", reason: hostile, typed: "tool:file-read" });
  const radius = dialog.getByRole("region", { name: "What it would stop" });
  await radius.getByText("scout, mallory").waitFor();
  await until("running actions are known", async () => /x1: armed, \d+ running/.test(await radius.innerText()));
  await dialog.getByRole("region", { name: "What you sign" }).getByText(hostile).waitFor();
  await signAndHalt(dialog).click();
  await dialog.getByText(/the halt stands at position \d+/).waitFor();
  assert.equal(answered, true);
  await dialog.getByText(/^quiescent: all 1 after/).waitFor();
  const row = await dialog.locator("[data-executor=x1]").innerText();
  assert.match(row, /quiescent/);
  await accessible(page);
  await shot(page, "killswitch");
  // The load goes on for a while behind the halt, and every proposal of it is denied.
  const denied = z.cli(read("5s"), { codes })[0];
  assert.equal(denied.verdict, "DENY");
  await stop();

  const [halt] = await halts();
  assert.equal(halt.reason, hostile);
  assert.deepEqual(halt.signed_by, ["g1"]);
  const bound = 250;
  const found = z.cli(["lineage", "search", "--tool", "file-read", "--limit", "1000"])[0];
  assert.equal(found.next ?? "", "");
  const outcomes = found.intents.flatMap((i) => i.outcomes ?? []);
  assert.ok(outcomes.some((o) => o.status === "EXECUTED"), "the load ran before");
  for (const o of outcomes.filter((one) => one.status === "EXECUTED")) {
    assert.ok(Number(o.claim.split(".")[0]) < halt.position, `claim ${o.claim} stands behind the halt at ${halt.position}`);
    assert.ok(Date.parse(o.started) <= Date.parse(halt.stored) + bound, `started ${o.started}, halted ${halt.stored}`);
  }
  assert.equal(found.intents.filter((i) => i.state === "executed" && Number(i.position.split(".")[0]) > halt.position).length, 0);

  await dialog.getByRole("button", { name: "Close" }).first().click();
  await page.getByRole("region", { name: "Table of halts" }).getByText(hostile).waitFor();
  assert.equal(await page.locator("img[src=x]").count(), 0);
  await accessible(page);
  fine();
  await context.close();
});

test("two governors resume: one in the page, one with the command line, and neither alone", async () => {
  const { page, context, fine } = await visit(browser, `${z.url}/#/governance`);
  await page.getByRole("checkbox", { name: /lift tool:file-read/ }).check();
  await page.getByRole("button", { name: /^Resume 1 of 1/ }).click();
  const dialog = page.getByRole("dialog", { name: "Resume" });
  const lifted = dialog.getByRole("region", { name: "What would be allowed again" });
  await lifted.getByText("scout: file-read").waitFor();
  await dialog.getByLabel(/^Reason/).fill("it was a test");
  const send = dialog.getByRole("button", { name: /^Send: lift/ });
  assert.equal(await send.isDisabled(), true);
  await dialog.getByLabel(/^Key file/).setInputFiles(key("g1"));
  await dialog.getByText("governor g1's").waitFor();
  await accessible(page);
  await dialog.getByRole("button", { name: "Sign", exact: true }).click();
  await dialog.getByText("1 of 2 that must have signed").waitFor();
  assert.equal(await send.isDisabled(), true);
  // The same governor again counts once, and cannot sign again.
  await dialog.getByLabel(/^Key file/).setInputFiles([]);
  await dialog.getByLabel(/^Key file/).setInputFiles(key("g1"));
  await dialog.getByText("this key has signed already").waitFor();
  const coming = page.waitForEvent("download");
  await dialog.getByRole("link", { name: /^Download/ }).click();
  const half = join(z.folder, "half.json");
  await (await coming).saveAs(half);
  await dialog.getByRole("button", { name: "Close" }).first().click();

  // A file that was altered is refused, whatever was altered.
  const text = await readFile(half, "utf8");
  const file = JSON.parse(text);
  const flip = (base64, at) => {
    const bytes = Buffer.from(base64, "base64");
    bytes[at < 0 ? bytes.length + at : at] ^= 1;
    return bytes.toString("base64");
  };
  const bad = join(z.folder, "bad.json");
  const upload = page.getByLabel("Go on with a half-signed resume");
  const refused = page.getByRole("alert").filter({ hasText: "refused" });
  const altered = [{ ...file, halts: [] }, { ...file, halts: [flip(file.halts[0], -3)] }, { ...file, more: 1 }, { ...file, format: "portcullis-resume-v2" }, { ...file, resume: file.resume.slice(4) }];
  for (const [i, one] of altered.entries()) {
    await writeFile(join(z.folder, `bad${i}.json`), JSON.stringify(one));
    await upload.setInputFiles(join(z.folder, `bad${i}.json`));
    await refused.filter({ hasText: `bad${i}.json` }).waitFor();
    assert.equal(await dialog.isVisible(), false);
  }
  await writeFile(bad, JSON.stringify({ ...file, resume: flip(file.resume, -1) })); // in the signature
  await upload.setInputFiles(bad);
  await dialog.getByText(/does not fit, or is no governor's/).first().waitFor();
  assert.equal(await send.isDisabled(), true);
  await dialog.getByRole("button", { name: "Close" }).first().click();

  // The command line reads the page's file as its own, and the page what the command line made of it.
  z.cli(["resume", "--sign", half, "--key", key("g2")]);
  await upload.setInputFiles(half);
  await dialog.getByText("2 of 2 that must have signed").waitFor();
  await accessible(page);
  await send.click();
  await dialog.getByText(/the resume stands at position \d+/).waitFor();
  await dialog.getByText(/^armed: all 1 after/).waitFor();
  assert.deepEqual(await halts(), []);
  assert.equal(z.cli(read())[0].status, "EXECUTED");
  await accessible(page);
  fine();
  await context.close();
});

test("a drill by the keyboard alone stops nothing", async () => {
  const { page, context, fine } = await visit(browser, `${z.url}/#/governance`);
  await page.getByRole("button", { name: /Kill switch/ }).focus();
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog", { name: "Kill switch" });
  const to = async (label) => {
    const target = dialog.getByLabel(label);
    await target.waitFor();
    for (let i = 0; i < 40 && !(await target.evaluate((e) => e === document.activeElement)); i++) await page.keyboard.press("Tab");
    assert.equal(await target.evaluate((e) => e === document.activeElement), true, `${label} is not reached`);
  };
  await to("Halt");
  await page.keyboard.type("nothing");
  await to(/^Reason/);
  await page.keyboard.type("does everybody listen?");
  await to(/^Key file/);
  const choosing = page.waitForEvent("filechooser");
  await page.keyboard.press("Space");
  await (await choosing).setFiles(key("g2"));
  await dialog.getByText("governor g2's").waitFor();
  await to(/to confirm$/);
  await page.keyboard.type("drill");
  await page.keyboard.press("Tab");
  assert.equal(await signAndHalt(dialog).evaluate((e) => e === document.activeElement), true);
  await page.keyboard.press("Enter");
  await dialog.getByText(/the drill stands at position \d+/).waitFor();
  await dialog.getByText(/^quiescent: all 1 after/).waitFor();
  await dialog.getByText("Nothing was stopped.").waitFor();
  await page.keyboard.press("Escape");
  assert.equal(await dialog.isVisible(), false);
  assert.deepEqual(await halts(), []);
  fine();
  await context.close();
});

test("an answer that is lost says nothing: the page finds out, and the same record counts once", async () => {
  const { page, context, fine } = await visit(browser, `${z.url}/#/governance`);
  let way = "lost on the way";
  let asked = 0;
  await page.route("**/api/v1/governance/records", async (route) => {
    asked++;
    if (way === "answer lost") await route.fetch();
    if (way === "through") return route.continue();
    return route.abort("connectionreset");
  });
  const dialog = await killSwitch(page);
  await fill(dialog, { kind: "agent", name: "mallory", reason: "odd", typed: "agent:mallory" });
  await signAndHalt(dialog).click();
  await dialog.getByText("unknown: the halt may stand").waitFor();
  await dialog.getByText(/it did not up to position \d+/).waitFor(); // it never arrived
  assert.equal(await dialog.getByText(/stands at position/).count(), 0);
  assert.deepEqual(await halts(), []);
  await accessible(page);
  way = "answer lost";
  await dialog.getByRole("button", { name: "Send the same record again" }).click();
  await dialog.getByText(/the halt stands at position \d+/).waitFor(); // asked for, not assumed
  await dialog.getByText(/^quiescent: all 1 after/).waitFor();
  assert.equal((await halts()).length, 1);
  assert.equal(asked, 2);
  await context.close();
  await liftAll();
  fine();
});

test("without the server the kill switch says that it may stand", async () => {
  const { page, context, fine } = await visit(browser, `${z.url}/#/governance`);
  const dialog = await killSwitch(page);
  await fill(dialog, { kind: "global", reason: "everything", typed: "global" });
  await page.route("**/api/**", (route) => route.abort("connectionrefused"));
  await page.getByText("what is in force is unknown").first().waitFor();
  assert.equal(await signAndHalt(dialog).isEnabled(), true); // a halt waits for nothing
  await signAndHalt(dialog).click();
  await dialog.getByText("unknown: the halt may stand").waitFor();
  assert.deepEqual(await halts(), []);
  fine();
  await context.close();
});

test("a halt that the command line signed is handed in", async () => {
  await copyFile(key("g1"), join(z.data, "governors", "g1", "signing.pem"));
  const out = join(z.folder, "halt.txt");
  z.cli(["halt", "--scope", "agent:mallory", "--reason", "signed elsewhere", "--out", out]);
  await rm(join(z.data, "governors", "g1", "signing.pem"));
  const text = await readFile(out, "utf8");
  const { page, context, fine } = await visit(browser, `${z.url}/#/governance`);
  const dialog = await killSwitch(page);
  await dialog.getByText("Sign with the command line instead").click();
  const hand = dialog.getByRole("button", { name: "Send what was signed" });
  const box = dialog.getByLabel("What FILE holds");
  const bytes = Buffer.from(text, "base64");
  bytes[bytes.length - 1] ^= 1;
  await box.fill(bytes.toString("base64"));
  await dialog.getByText("no governor by the release in force has signed it").waitFor();
  assert.equal(await hand.count(), 0);
  await box.fill(text);
  await dialog.getByRole("region", { name: "What was signed elsewhere" }).getByText("signed elsewhere").waitFor();
  await accessible(page);
  await hand.click();
  await dialog.getByText(/the halt stands at position \d+/).waitFor();
  assert.equal((await halts())[0].scope.startsWith("agent:"), true);
  fine();
  await context.close();
  await liftAll();
});

test("a key behind an authenticator signs, and the authenticator is asked each time", async () => {
  const local = z.url.replace("127.0.0.1", "localhost"); // authenticators know sites by name
  const { page, context, fine } = await visit(browser, `${local}/#/governance`);
  const devtools = await context.newCDPSession(page);
  await devtools.send("WebAuthn.enable");
  const { authenticatorId } = await devtools.send("WebAuthn.addVirtualAuthenticator", {
    options: { protocol: "ctap2", ctap2Version: "ctap2_1", transport: "internal", hasPrf: true, hasUserVerification: true, isUserVerified: true, hasResidentKey: true, automaticPresenceSimulation: true },
  });
  let dialog = await killSwitch(page);
  await dialog.getByLabel(/^Key file/).setInputFiles(key("g1"));
  await dialog.getByText("governor g1's").waitFor();
  await dialog.getByText("Keep it in this browser, behind an authenticator").click();
  await dialog.getByLabel("Name of the key here").fill("my key");
  await dialog.getByRole("button", { name: "Protect the key" }).click();
  await dialog.getByText("from this browser, behind your authenticator").waitFor();
  await accessible(page);

  // Nothing of the key can be read from what the browser keeps.
  const stored = await page.evaluate(() => new Promise((resolve) => {
    indexedDB.open("portcullis-keys").onsuccess = (e) => {
      e.target.result.transaction("keys").objectStore("keys").getAll().onsuccess = (all) => resolve(all.target.result.map((k) => [...k.sealed]));
    };
  }));
  const secret = Buffer.from((await readFile(key("g1"), "utf8")).replace(/-----[^-]+-----|\s/g, ""), "base64").subarray(16);
  assert.equal(stored.length, 1);
  assert.equal(Buffer.from(stored[0]).includes(secret), false);

  // After a new start the key is there, and no file is needed.
  await page.reload();
  dialog = await killSwitch(page);
  await dialog.getByRole("button", { name: /^Use my key/ }).click();
  await dialog.getByText("governor g1's").waitFor();
  await dialog.getByLabel("Halt", { exact: true }).selectOption("drill");
  await dialog.getByLabel(/^Reason/).fill("with the authenticator");
  await dialog.getByLabel(/to confirm$/).fill("drill");
  await signAndHalt(dialog).click();
  await dialog.getByText(/the drill stands at position \d+/).waitFor();
  await page.keyboard.press("Escape");

  // An authenticator whose owner does not verify himself derives nothing, and nothing is sent.
  await devtools.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified: false });
  dialog = await killSwitch(page);
  await dialog.getByRole("button", { name: /^Use my key/ }).click();
  await dialog.getByLabel("Halt", { exact: true }).selectOption("global");
  await dialog.getByLabel(/^Reason/).fill("by nobody");
  await dialog.getByLabel(/to confirm$/).fill("global");
  await signAndHalt(dialog).click();
  await dialog.getByText("not signed, not sent").waitFor();
  assert.deepEqual(await halts(), []);
  await dialog.getByRole("button", { name: "Remove my key from this browser" }).click();
  await until("it is gone", async () => (await dialog.getByRole("button", { name: /^Use my key/ }).count()) === 0);
  fine();
  await context.close();
});

test("what waits for people is approved and refused in the page, each exactly once", async () => {
  for (const name of ["g1", "g2"]) await copyFile(key(name), join(z.data, "governors", name, "signing.pem"));
  await peopleApprove(z);
  for (const name of ["g1", "g2"]) await rm(join(z.data, "governors", name, "signing.pem"));
  const alice = (file) => join(z.data, "participants", "approver", "alice", file);
  await rename(alice("signing.pem"), key("alice")); // the console's server cannot answer for her

  const { page, context, fine } = await visit(browser, `${z.url}/#/governance`);
  await page.getByText("release 3 is in force").waitFor();
  await page.getByText(/1 difference from release 2/).waitFor();
  const first = transfer(z, 101, "acme");
  await page.locator("[data-waiting='1']").waitFor();
  const waiting = page.getByRole("region", { name: "Waiting for approval" });
  await waiting.getByText('"amount":101').waitFor();
  await accessible(page);
  await waiting.getByRole("button", { name: /^Approve/ }).click();
  let dialog = page.getByRole("dialog", { name: "Approve" });
  const sign = dialog.getByRole("button", { name: "Sign and approve" });
  await dialog.getByLabel(/^Key file/).setInputFiles(key("g1"));
  await dialog.getByText("governor g1's, no approver's").waitFor();
  assert.equal(await sign.isDisabled(), true);
  await dialog.getByLabel(/^Key file/).setInputFiles(key("alice"));
  await dialog.getByText("not introduced on the ledger yet").waitFor();
  await dialog.getByLabel("Answer as").selectOption("alice");
  assert.equal(await sign.isDisabled(), true);
  await dialog.getByLabel("svid.pem and svid.key").setInputFiles([alice("svid.pem"), alice("svid.key")]);
  await dialog.getByLabel(/^Note/).fill("seen");
  await accessible(page);
  await sign.click();
  await dialog.getByText(/the answer stands at position \d+/).waitFor();
  await dialog.getByText("ALLOW").waitFor();
  assert.equal((await first).status, "EXECUTED");
  await dialog.getByRole("button", { name: "Close" }).first().click();

  const second = transfer(z, 102, "<img src=x> \u202Egnp.exe");
  await waiting.getByText('"amount":102').waitFor();
  await waiting.getByText("\\u003cimg src=x\\u003e").waitFor(); // as the agent wrote it
  await waiting.getByText("\\u{202e}gnp.exe").waitFor(); // what would hide something is spelled out
  await accessible(page);
  await waiting.getByRole("button", { name: /^Refuse/ }).last().click();
  dialog = page.getByRole("dialog", { name: "Refuse" });
  await dialog.getByLabel(/^Key file/).setInputFiles(key("alice"));
  await dialog.getByText("approver alice's").waitFor(); // introduced by then: her SVID is not asked for again
  await dialog.getByRole("button", { name: "Sign and refuse" }).click();
  await dialog.getByText(/the answer stands at position \d+/).waitFor();
  await dialog.getByText("DENY").waitFor();
  assert.notEqual((await second).status, "EXECUTED");
  await accessible(page);
  fine();
  await context.close();
});
