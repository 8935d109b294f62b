// The demo as a visitor sees it: begun with a button, watched to its end, and gone without a trace.
import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { accessible, open, shot, until, visit, zone } from "./harness.mjs";

let browser, z;
before(async () => {
  z = await zone();
  browser = await open();
});
after(async () => {
  await browser?.close();
  await z?.close();
});

const start = (page) => page.getByRole("button", { name: "Start the demo" });
const standing = (page) => page.locator("[data-demo]").getAttribute("data-demo");
const behind = async (page) => Number(await page.locator("[data-behind]").getAttribute("data-behind"));
const steps = (page) => page.getByRole("list", { name: "Steps" }).locator(":scope > li");
const ask = (path, method = "GET") => fetch(`${z.url}${path}`, { method });

/** Ends whatever demo runs, so that each test begins alike. */
async function quiet() {
  assert.equal((await ask("/api/v1/demo", "DELETE")).status, 200);
}

/** The processes that are this one's children, theirs, and so on. */
function below(pid) {
  const parents = new Map();
  for (const name of readdirSync("/proc").filter((n) => /^\d+$/.test(n))) {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]));
    } catch {
      // It has ended meanwhile.
    }
  }
  const found = [pid];
  for (const parent of found) for (const [child, of] of parents) if (of === parent) found.push(child);
  return found.slice(1);
}

/** A process that waits to be reaped has ended. */
function lives(pid) {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}
const folders = () => readdirSync(tmpdir()).filter((name) => name.startsWith("portcullis-demo-"));
const argumentsOf = (pid) => readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");

test("never run: says so, says that the governed zone is left alone, and is accessible", async () => {
  for (const colorScheme of ["dark", "light"]) {
    const { page, context, fine } = await visit(browser, `${z.url}/#/demo`, { colorScheme });
    await page.getByText("it has not run yet").waitFor();
    await page.getByText("a zone of its own that is gone afterwards").waitFor();
    await accessible(page);
    fine();
    await context.close();
  }
});

test("from the button to the end: every step as told, every attack at its check, every position with its record", async () => {
  const position = z.cli(["status"], { codes: [0, 9] })[0];
  const { page, context, fine } = await visit(browser, `${z.url}/#/demo`);
  await start(page).click();
  await page.getByLabel("Pace").selectOption("as it happens");
  await page.getByRole("region", { name: "This step" }).waitFor();
  await until("all is shown", async () => (await page.locator("[data-end]").count()) === 1);
  assert.equal(await page.locator("[data-end]").getAttribute("data-end"), "good", `${await page.locator("[data-end]").innerText()} ${await page.locator("[data-demo]").innerText()}`);

  const outline = await steps(page).evaluateAll((all) => all.map((li) => li.dataset.step));
  assert.equal(outline.length, 14);
  for (const [step, check] of Object.entries({ "5a": "broker", "5b": "verdict", "6a": "verdict", "6b": "reading", "7b": "claim", "8a": "reading", "8b": "verdict", "8c": "claim", 4: "verdict", "7c": "verdict" })) {
    const shown = page.locator(`li[data-step="${step}"]`);
    assert.equal(await shown.locator("[data-check]").getAttribute("data-check"), check, `step ${step}`);
    await shown.getByText("stopped:").waitFor();
  }
  for (const step of ["1", "2", "3"]) {
    await page.locator(`li[data-step="${step}"]`).getByText("executed", { exact: true }).waitFor();
    assert.equal(await page.locator(`li[data-step="${step}"] [data-check]`).count(), 0, `step ${step} was stopped`);
  }
  // What a reason code means stands next to it.
  await page.locator('li[data-step="5b"]').getByText("The intent names another agent than the one that signed it.").waitFor();

  const links = steps(page).getByRole("button");
  const n = await links.count();
  assert.ok(n >= 25, `${n} positions`);
  for (let i = 0; i < n; i++) {
    const at = (await links.nth(i).innerText()).split(" ").at(-1);
    await links.nth(i).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText("Bytes, as they stand on the ledger").waitFor();
    assert.match(await dialog.getByRole("heading", { level: 2 }).innerText(), new RegExp(`Record ${at.replace(".", "\\.")} `));
    assert.ok((await dialog.innerText()).includes(at), `the record at ${at}`);
    if (i === 0) {
      await dialog.getByText('"resource": "reports/q3.txt"').waitFor();
      await dialog.getByText(/spiffe:\/\/portcullis\.local\/demo\/agent\/scout/).first().waitFor();
      await accessible(page);
    }
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "hidden" });
  }
  await accessible(page);
  await page.getByRole("button", { name: "Colours" }).click();
  await page.getByRole("button", { name: "Colours" }).click();
  await accessible(page);

  // Nothing of it is on the governed ledger, where only pulses and the like go on.
  const now = z.cli(["status"], { codes: [0, 9] })[0];
  assert.equal(now.ledger, position.ledger);
  assert.equal(z.cli(["tail"]).filter((line) => line.kind === "intent").length, 0);
  fine();
  await context.close();
});

test("every step that the server tells has words of its own", async () => {
  const source = readFileSync(new URL("../src/surfaces/demo/texts.ts", import.meta.url), "utf8");
  const { page, context } = await visit(browser, `${z.url}/#/demo`);
  const told = await steps(page).first().waitFor().then(() => steps(page).evaluateAll((all) => all.map((li) => li.dataset.step)));
  for (const step of told) assert.match(source, new RegExp(`^  "${step}": \\{$`, "m"));
  assert.equal([...source.matchAll(/^  "\w+": \{$/gm)].length, told.length, "words for steps that nobody tells");
  await context.close();
});

test("by the keyboard: pause, one thing more, go on; a page loaded again goes on where it was; a second demo is refused", async () => {
  await quiet();
  const { page, context, fine } = await visit(browser, `${z.url}/#/demo`);
  await start(page).focus();
  await page.keyboard.press("Enter");
  await until("the server runs it", async () => (await (await ask("/api/v1/demo")).json()).state === "running");
  const pause = page.getByRole("button", { name: "Pause" });
  await pause.focus();
  await page.keyboard.press("Space");
  await page.getByRole("button", { name: "Go on" }).waitFor();
  const refused = await ask("/api/v1/demo", "POST");
  assert.equal(refused.status, 409);
  assert.match((await refused.json()).detail, /ends within/);

  await until("something is ahead", async () => (await behind(page)) > 8);
  // The step that is attacked first is reached by single steps.
  const next = page.getByRole("button", { name: "Next" });
  await next.focus();
  for (let i = 0; i < 6; i++) {
    const before = (await page.evaluate(() => JSON.parse(sessionStorage.getItem("portcullis.demo")).shown));
    await page.keyboard.press("Enter");
    await until("one thing more", async () => (await page.evaluate(() => JSON.parse(sessionStorage.getItem("portcullis.demo")).shown)) === before + 1);
  }
  await page.getByText("behind the real run by").waitFor();
  const spoken = await page.getByRole("status", { name: "What happens" }).innerText();
  assert.notEqual(spoken, "");
  const list = await steps(page).allInnerTexts();
  await accessible(page);

  await page.reload();
  await page.getByRole("button", { name: "Go on" }).waitFor();
  await until("the same story", async () => (await steps(page).allInnerTexts()).join() === list.join());
  assert.equal(await page.getByRole("status", { name: "What happens" }).innerText(), spoken);
  fine();
  await context.close();
});

test("the attacker's move is stopped at the check that is drawn; with reduced motion nothing moves", async () => {
  const { page, context, fine } = await visit(browser, `${z.url}/#/demo`, { reducedMotion: "reduce" });
  await until("it was told", async () => (await standing(page)) === "told");
  await page.getByRole("button", { name: "From the beginning" }).click();
  await page.getByRole("button", { name: "Pause" }).click();
  const next = page.getByRole("button", { name: "Next" });
  const heading = page.getByRole("region", { name: "This step" }).getByRole("heading");
  await until("step 5a is over", async () => {
    await next.click();
    const text = (await heading.count()) === 0 ? "" : await heading.innerText();
    return text.startsWith("5a") && text.includes("stopped");
  });
  assert.equal(await page.locator("[data-shut]").getAttribute("data-shut"), "broker");
  await page.getByText("Held at the broker").waitFor();
  assert.equal(await page.locator("[data-mark]").evaluate((g) => getComputedStyle(g).transitionDuration), "0s");
  await until("the forged intent is denied", async () => {
    await next.click();
    return (await heading.innerText()).startsWith("5b") && (await page.locator("[data-shut]").count()) === 1;
  });
  assert.equal(await page.locator("[data-shut]").getAttribute("data-shut"), "verdict");
  assert.equal(await page.locator("[data-mark]").getAttribute("data-mark"), "✕");
  await accessible(page);
  await page.evaluate(() => scrollTo(0, 0));
  await shot(page, "demo");
  fine();
  await context.close();
});

test("on a phone the way stands upright and nothing is wider than the page", async () => {
  for (const colorScheme of ["dark", "light"]) {
    const { page, context, fine } = await visit(browser, `${z.url}/#/demo`, { viewport: { width: 360, height: 740 }, colorScheme });
    await steps(page).first().waitFor();
    const box = await page.getByRole("img", { name: /The way of an action/ }).boundingBox();
    assert.ok(box.height > box.width, JSON.stringify(box));
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), 0);
    await accessible(page);
    fine();
    await context.close();
  }
});

test("a server that goes away: nothing is said to run, and what was told stays", async () => {
  const { page, context } = await visit(browser, `${z.url}/#/demo`);
  await steps(page).first().waitFor();
  await context.setOffline(true);
  await page.evaluate(() => dispatchEvent(new Event("offline")));
  await context.route("**/api/**", (route) => route.abort());
  await page.reload().catch(() => undefined);
  await context.setOffline(false);
  await page.goto(`${z.url}/#/demo`);
  await until("unknown", async () => (await standing(page)) === "unknown");
  assert.ok(await start(page).isDisabled());
  await context.close();
});

test("stopped by its button, nothing of it is left", async () => {
  const had = new Set(folders());
  const { page, context, fine } = await visit(browser, `${z.url}/#/demo`);
  await until("the server was heard", async () => (await standing(page)) !== "unknown");
  await start(page).click();
  const mine = await until("it plays", () => (below(z.console.pid).length >= 6 ? below(z.console.pid) : undefined));
  await page.getByRole("button", { name: "Stop the demo" }).click();
  await until("it has stopped", async () => (await standing(page)) === "stopped");
  assert.deepEqual(mine.filter(lives), []);
  assert.deepEqual(folders().filter((name) => !had.has(name)), []);
  await accessible(page);
  fine();
  await context.close();
});

for (const signal of ["SIGTERM", "SIGKILL"]) {
  test(`a console ended by ${signal} during a demo leaves no process and no folder`, async () => {
    const had = new Set(folders());
    const own = await zone();
    try {
      assert.equal((await fetch(`${own.url}/api/v1/demo`, { method: "POST" })).status, 200);
      const all = await until("it plays", () => (below(own.console.pid).length >= 6 ? below(own.console.pid) : undefined));
      const folder = await until("its folder", () => folders().find((name) => !had.has(name)));
      assert.ok(all.some((pid) => argumentsOf(pid).includes("enforcer")), "no enforcer among its processes");
      await own.console.kill(signal);
      await until("no process is left", () => !all.some(lives));
      await until("no folder is left", () => !existsSync(join(tmpdir(), folder)));
    } finally {
      await own.close();
    }
  });
}
