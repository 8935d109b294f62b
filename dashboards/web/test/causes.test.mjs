// What led to what, across agents; what another release would have decided about it; and what stood at a date and time.
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { accessible, open, shot, until, visit, zone } from "./harness.mjs";

const nowhere = "a".repeat(64); // named, and on no ledger
let browser, z, parent, child, grandchild, branch;
before(async () => {
  z = await zone();
  const propose = (agent, tool, resource, args, parents = []) => {
    const flags = [...args.flatMap((arg) => ["--arg", arg]), ...parents.flatMap((p) => ["--parent", p])];
    const codes = [0, 3, 4]; // what is refused, or fails, is told by its code
    return z.cli(["propose", "--as", agent, "--tool", tool, "--resource", resource, ...flags, "--timeout", "30s"], { codes })[0].intent;
  };
  const position = (digest) => z.cli(["lineage", "intent", digest])[0].nodes.find((n) => n.digest === digest).intent.position;
  parent = propose("scout", "file-write", "out/a", ["path=out/a", "content=x", "mode=create"]);
  child = propose("mallory", "file-read", "public/a", ["path=public/a"], [position(parent)]);
  grandchild = propose("scout", "transfer", "acme", ["to=acme", "amount=250", "currency=EUR"], [child]);
  branch = propose("mallory", "file-read", "reports/q3.txt", ["path=reports/q3.txt"], [parent.slice(0, 16), nowhere]);
  browser = await open();
});
after(async () => {
  await browser?.close();
  await z?.close();
});

const story = (digest) => `${z.url}/#/lineage/intent/${digest}`;
const nodes = (page) => page.getByRole("region", { name: "Drawing" }).getByRole("link");

/** The arrows of the drawing, each as the digests of the boxes at its two ends. */
async function arrows(page) {
  return page.getByRole("region", { name: "Drawing" }).evaluate((drawing) => {
    const boxes = [...drawing.querySelectorAll("a")].map((a) => ({ digest: a.getAttribute("href").split("/").at(-1), ...a.querySelector("rect").getBoundingClientRect().toJSON() }));
    const svg = drawing.querySelector("svg").getBoundingClientRect();
    const boxAt = (path, length) => {
      const p = path.getPointAtLength(length);
      return boxes.find((b) => Math.abs(p.x + svg.x - (b.x + b.width / 2)) <= b.width / 2 + 2 && Math.abs(p.y + svg.y - (b.y + b.height / 2)) <= b.height / 2 + 2)?.digest;
    };
    return [...drawing.querySelectorAll("path.edge")].map((path) => `${boxAt(path, 0)} ${boxAt(path, path.getTotalLength())}`).sort();
  });
}

for (const colorScheme of ["dark", "light"]) {
  test(`${colorScheme}: causes and effects of two agents are drawn with their edges, and lead from story to story by the keyboard`, async () => {
    const { page, context, fine } = await visit(browser, story(parent), { colorScheme });
    await nodes(page).nth(3).waitFor();
    assert.deepEqual(await nodes(page).evaluateAll((all) => all.map((a) => a.getAttribute("href").split("/").at(-1))), [parent, child, grandchild, branch]);
    assert.deepEqual(await arrows(page), [`${parent} ${child}`, `${child} ${grandchild}`, `${parent} ${branch}`].sort());
    const x = await nodes(page).evaluateAll((all) => all.map((a) => a.getBoundingClientRect().x));
    assert.ok(x[0] < x[1] && x[1] < x[2] && x[0] < x[3], `causes stand on the left: ${x}`);
    await accessible(page);
    await page.getByText("The same as a list").click();
    await page.getByText(/after executed: scout file-write at [\d.]+, its parent/).nth(1).waitFor();
    await page.getByText(/after \w+: mallory file-read at [\d.]+, its parent/).waitFor();
    await accessible(page);
    await shot(page, `causes-${colorScheme}`);

    await page.getByRole("region", { name: "Drawing" }).focus();
    for (const digest of [parent, child, grandchild]) {
      await page.keyboard.press("Tab");
      assert.match(await page.evaluate(() => document.activeElement.getAttribute("href")), new RegExp(`/${digest}$`));
    }
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: `Intent ${grandchild}` }).waitFor();
    await page.getByRole("region", { name: "Story" }).getByText("transfer transfer acme").waitFor();
    await until("its causes are drawn", async () => (await arrows(page)).length === 2);
    assert.deepEqual(await arrows(page), [`${parent} ${child}`, `${child} ${grandchild}`].sort());
    fine();
    await context.close();
  });
}

test("an intent that is named and does not stand there is drawn as unknown, and says so", async () => {
  const { page, context, fine } = await visit(browser, story(branch));
  await nodes(page).nth(2).waitFor();
  assert.deepEqual(await arrows(page), [`${parent} ${branch}`, `${nowhere} ${branch}`].sort());
  await nodes(page).filter({ hasText: "unknown" }).press("Enter");
  await page.getByText("Others name this intent. It does not stand on the ledger.").waitFor();
  assert.deepEqual(await arrows(page), [`${nowhere} ${branch}`]);
  await accessible(page);
  fine();
  await context.close();
});

test("on a phone the drawing scrolls by itself to the node that has the focus", async () => {
  const { page, context, fine } = await visit(browser, story(parent), { viewport: { width: 360, height: 740 } });
  await nodes(page).nth(2).waitFor();
  const wide = () => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.equal(await wide(), 0);
  const seen = () => nodes(page).nth(2).evaluate((a) => a.getBoundingClientRect().x < innerWidth);
  assert.equal(await seen(), false, "all of it fits: there is nothing to scroll");
  await page.getByRole("region", { name: "Drawing" }).focus();
  for (let i = 0; i < 3; i++) await page.keyboard.press("Tab");
  await until("it scrolls", seen);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: `Intent ${grandchild}` }).waitFor();
  assert.equal(await wide(), 0);
  await accessible(page);
  fine();
  await context.close();
});

test("a narrower release would have denied what was done, and the page says why", async () => {
  const { page, context, fine } = await visit(browser, story(grandchild));
  const other = page.getByRole("region", { name: "Under another release" });
  await other.getByRole("button", { name: "Decide again" }).click();
  await other.getByText("The same under release 1.").waitFor();

  const replace = async (file, ...pairs) => {
    let text = await readFile(join(z.data, "release", file), "utf8");
    for (const [from, to] of pairs) {
      assert.ok(text.includes(from), `${file} has no ${from}`);
      text = text.replaceAll(from, to);
    }
    await writeFile(join(z.data, "release", file), text);
  };
  await replace("policies/money.cedar", ["amount <= 1000", "amount <= 100"], ["up to 1000", "up to 100"]);
  await replace("tests/money.yaml", ["amount: 1000,", "amount: 100,"], ["amount: 1001,", "amount: 101,"]);
  z.cli(["release", "publish"]);

  await page.reload();
  await other.getByRole("option", { name: "2" }).waitFor({ state: "attached" });
  assert.equal(await other.getByLabel("Release").inputValue(), "2");
  await other.getByRole("button", { name: "Decide again" }).press("Enter");
  await other.getByText("Otherwise under release 2.").waitFor();
  assert.match(await other.getByRole("definition").nth(0).innerText(), /^ALLOW/);
  assert.match(await other.getByRole("definition").nth(1).innerText(), /^DENY policy\.default_deny/);
  assert.match(await other.getByRole("definition").nth(1).innerText(), /"small-transfers": context\.arguments\.amount <= 100 was false \(amount = 250\)/);
  await accessible(page);
  await shot(page, "whatif-otherwise");
  await other.getByLabel("Release").selectOption("1");
  await other.getByRole("button", { name: "Decide again" }).click();
  await other.getByText("The same under release 1.").waitFor();
  fine();
  await context.close();
});

const timezoneId = "America/St_Johns"; // half hours, and a summer time
const zoned = (when, options) => Object.fromEntries(new Intl.DateTimeFormat("en-US", { timeZone: timezoneId, ...options }).formatToParts(when).map((p) => [p.type, p.value]));

test("a date and a time, typed where its reader lives, lead to what stood then", async () => {
  const { page: found } = await (await fetch(`${z.url}/api/v1/lineage/intents?limit=200`)).json();
  const when = new Date(Math.ceil(Date.parse(found.intents.find((i) => i.digest === grandchild).log_time) / 1000) * 1000);
  const { standing } = await (await fetch(`${z.url}/api/v1/lineage/at?time=${when.toISOString()}`)).json();
  const { page, context, fine } = await visit(browser, `${z.url}/#/lineage/at`, { timezoneId, locale: "en-US" });
  const field = page.getByLabel(`Local time (${timezoneId})`);
  await page.getByText("in UTC: not known yet").waitFor();
  await field.focus();
  const local = zoned(when, { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: true });
  await page.keyboard.type(local.month + local.day + local.year);
  await page.keyboard.press("ArrowRight"); // years may have more digits
  await page.keyboard.type(local.hour + local.minute + local.second + local.dayPeriod);
  const utc = when.toISOString().replace("T", " ");
  const offset = zoned(when, { timeZoneName: "longOffset" }).timeZoneName.replace("GMT", "UTC");
  await page.getByText(`${utc}, which is UTC; ${timezoneId} is ${offset} then`).waitFor();
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: `At position ${standing.position}` }).waitFor();
  assert.ok(page.url().endsWith(`/at/${standing.position}`));
  await accessible(page);
  fine();
  await context.close();
});

test("a time outside the ledger, and one that is none, are refused in words", async () => {
  const { page, context, fine } = await visit(browser, `${z.url}/#/lineage/at/1`, { timezoneId, viewport: { width: 360, height: 740 } });
  const field = page.getByLabel(`Local time (${timezoneId})`);
  for (const [value, says] of [
    ["", "date and time are not complete, or there is no such day"],
    ["2001-07-01T09:30:00", "2001-07-01T12:00:00Z is before the ledger's first record, whose log time is "],
    ["2099-01-01T00:00:00", "2099-01-01T03:30:00Z is after the newest record, whose log time is "],
  ]) {
    await field.fill(value);
    await field.press("Enter");
    await page.getByRole("alert").getByText(says).waitFor();
    assert.equal(await field.getAttribute("aria-invalid"), "true");
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), 0);
    assert.ok(page.url().endsWith("/at/1"), "it went somewhere");
    await accessible(page);
  }
  await page.getByRole("heading", { name: "At position 1", exact: true }).waitFor(); // what was shown stays
  fine();
  await context.close();
});
