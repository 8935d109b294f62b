// The Execution Lineage Explorer: from a search to an intent, along its graph, to what stood before a halt.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { accessible, open, shot, until, visit, zone } from "./harness.mjs";

const hostile = "out/<img src=x onerror=alert(1)>";
let browser, z;
before(async () => {
  z = await zone();
  const write = (resource, codes = [0]) =>
    z.cli(["propose", "--as", "scout", "--tool", "file-write", "--resource", resource, "--arg", `path=${resource}`, "--arg", "content=x", "--arg", "mode=create", "--timeout", "30s"], { codes });
  const any = Array.from({ length: 256 }, (_, i) => i); // refusals end with codes of their own
  write("out/a");
  write(hostile, any);
  z.cli(["halt", "--scope", "tool:file-write", "--reason", "a halt to look behind"], { codes: any });
  write("out/b", any);
  for (let i = 0; i < 26; i++) write(`out/more-${i}`, any);
  browser = await open();
});
after(async () => {
  await browser?.close();
  await z?.close();
});

const intents = async (search = "") => (await fetch(`${z.url}/api/v1/lineage/intents?limit=200${search}`)).json();

test("a search by reason is a link, finds what was halted, page by page, and shows hostile names as text", async () => {
  const { page, context, fine } = await visit(browser, `${z.url}/#/lineage`);
  const table = page.getByRole("region", { name: "Table of intents" });
  await table.getByRole("row").nth(25).waitFor();
  await page.getByRole("link", { name: "Next page" }).click();
  await page.getByRole("link", { name: "First page" }).waitFor();
  await table.getByText(hostile).waitFor();
  assert.equal(await page.locator("main img").count(), 0);
  const { page: all } = await intents("&reason=halted");
  assert.ok(all.total > 0, "nothing was denied as halted");
  await page.getByLabel("Reason").selectOption("halted");
  await page.getByRole("button", { name: "Search", exact: true }).click();
  await page.getByText(`${all.total} intents, newest first`).waitFor();
  assert.match(page.url(), /reason=halted/);
  await accessible(page);
  fine();
  await context.close();
});

for (const colorScheme of ["dark", "light"]) {
  test(`${colorScheme}: an intent's story, its graph by the keyboard, its record, and the same release again`, async () => {
    const { page: found } = await intents();
    const newest = found.intents[0];
    const { page, context, fine } = await visit(browser, `${z.url}/#/lineage/intent/${newest.position}`, { colorScheme });
    await page.getByRole("region", { name: "Drawing" }).getByRole("link").first().press("Enter");
    await until("the node leads to its intent", () => page.url().endsWith(`/intent/${newest.digest}`));
    await page.getByRole("region", { name: "Story" }).getByText("vote, completes the quorum").waitFor();
    await page.getByRole("button", { name: "Decide again" }).click();
    await page.getByText("The same under release 1.").waitFor();
    await accessible(page);
    await shot(page, `lineage-${colorScheme}`);
    await page.getByRole("region", { name: "Story" }).getByRole("link").first().click();
    await page.getByRole("heading", { name: /^Record / }).waitFor();
    await accessible(page);
    fine();
    await context.close();
  });
}

test("the slider goes back to before the halt", async () => {
  const { records } = await (await fetch(`${z.url}/api/v1/lineage/governance`)).json();
  const halt = records.find((g) => g.record === "halt");
  const { page, context, fine } = await visit(browser, `${z.url}/#/lineage/at/${halt.position}`);
  const stood = page.getByRole("region", { name: "What stood" });
  await stood.getByText("halted", { exact: true }).first().waitFor();
  await accessible(page);
  await page.getByRole("slider").press("ArrowLeft");
  await stood.getByText("not halted", { exact: true }).waitFor();
  await stood.getByText(`was not halted by the record at ${halt.position}`).waitFor();
  await until("the address follows", () => page.url().endsWith(`/at/${halt.position - 1}`));
  fine();
  await context.close();
});

test("on a phone nothing is wider than the page", async () => {
  const { page: found } = await intents();
  const { page, context, fine } = await visit(browser, z.url, { viewport: { width: 360, height: 740 } });
  for (const [view, region] of [[`intent/${found.intents[0].digest}`, "Causes and effects"], ["at/1", "What stood"], ["record/1", "Record"]]) {
    await page.goto(`${z.url}/#/lineage/${view}`);
    await page.getByRole("region", { name: region }).waitFor();
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), 0, view);
  }
  fine();
  await context.close();
});

test("questions that cannot be meant are refused", async () => {
  const status = async (path) => (await fetch(`${z.url}/api/v1/lineage/${path}`)).status;
  assert.equal(await status("intents?colour=red"), 400);
  assert.equal(await status("intents?limit=0"), 400);
  assert.equal(await status("intents?from=yesterday"), 400);
  assert.equal(await status("intents/zz"), 400);
  assert.equal(await status("intents/00000000000000"), 404);
  assert.equal(await status("at/0"), 404);
  assert.equal(await status("at/99999999"), 404);
  assert.equal(await status("records/99999999"), 404);
  const asked = await fetch(`${z.url}/api/v1/lineage/whatif`, { method: "POST", headers: { "Content-Type": "application/json" }, body: '{"intent":"1"}' });
  assert.equal(asked.status, 400);
});
