// The frame around the surfaces: it says what it knows, and that it knows nothing when it does not.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { accessible, open, part, until, visit, zone } from "./harness.mjs";

let browser, z;
before(async () => {
  z = await zone();
  browser = await open();
});
after(async () => {
  await browser?.close();
  await z?.close();
});

const fabric = (page) => page.locator("[data-fabric]").getAttribute("data-fabric");

for (const surface of ["demo", "governance", "health", "lineage", "proofs"]) {
  for (const colorScheme of ["dark", "light"]) {
    test(`${surface}, ${colorScheme}: accessible, within its policy`, async () => {
      const { page, context, fine } = await visit(browser, `${z.url}/#/${surface}`, { colorScheme });
      await page.getByRole("heading", { level: 1 }).waitFor();
      await until("the fabric is armed", async () => (await fabric(page)) === "armed");
      await accessible(page);
      fine();
      await context.close();
    });
  }
}

test("on a phone nothing is wider than the page", async () => {
  const { page, context, fine } = await visit(browser, z.url, { viewport: { width: 360, height: 740 } });
  for (const surface of ["demo", "governance", "health", "lineage", "proofs"]) {
    await page.goto(`${z.url}/#/${surface}`);
    await page.getByRole("heading", { level: 1 }).waitFor();
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.equal(wide, 0, `${surface} is ${wide} px wider than the page`);
  }
  fine();
  await context.close();
});

test("by the keyboard: the first stop leads to the content", async () => {
  const { page, context } = await visit(browser, z.url);
  await page.getByRole("heading", { level: 1 }).waitFor();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement?.id), "main");
  await context.close();
});

test("a server that is gone makes everything unknown, and its return known", async () => {
  const { page, context, fine } = await visit(browser, z.url);
  await until("armed", async () => (await fabric(page)) === "armed");
  const address = new URL(z.url).host;
  await z.console.kill("SIGKILL");
  await until("unknown", async () => (await fabric(page)) === "unknown");
  z.console = await part(z.data, ["--server", z.server, "console", "--listen", address]);
  z.parts.push(z.console);
  await until("armed again", async () => (await fabric(page)) === "armed");
  fine();
  await context.close();
});
