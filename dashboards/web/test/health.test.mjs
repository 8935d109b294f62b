// The health page against a zone whose parts are processes of their own, under load: its figures are those of the
// command line, whoever falls silent is seen to be, and what is not known is never shown as well.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { accessible, binary, cli, freePort, open, part, shot, until, visit } from "./harness.mjs";

const roles = [["enforcer", "e1"], ["executor", "x1"], ["sentinel", "s1"], ["recorder", "r1"]];
let browser, z;

/** A zone with a broker, and each participant, as a process of its own. */
async function apart() {
  const folder = await mkdtemp(join(tmpdir(), "portcullis-health-"));
  const data = join(folder, "data");
  const all = { data, parts: new Map() };
  all.start = async (name, args) => all.parts.set(name, await part(data, args));
  all.close = async () => {
    for (const one of [...all.parts.values()].toReversed()) await one.kill();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    cli(data, ["init", "--bank", `127.0.0.1:${await freePort()}`]);
    await all.start("broker", ["server", "--port", String(await freePort())]);
    all.server = all.parts.get("broker").ready.server;
    all.join = (role, name) => all.start(name, ["--server", all.server, role, name]);
    await Promise.all(roles.map(([role, name]) => all.join(role, name)));
    all.serve = (listen) => all.start("console", ["--server", all.server, "console", "--listen", listen]);
    await all.serve("127.0.0.1:0");
    all.url = all.parts.get("console").ready.server;
    all.cli = (args, options) => cli(data, ["--server", all.server, ...args], options);
    return all;
  } catch (err) {
    await all.close();
    throw err;
  }
}

/** Proposes again and again, one that is allowed and one that is not, until it is told to end. */
function load(zone) {
  let ended = false;
  const propose = (as, path) =>
    new Promise((resolve) => {
      const args = ["--data", zone.data, "--server", zone.server, "propose", "--as", as, "--tool", "file-read", "--resource", path, "--arg", `path=${path}`, "--timeout", "5s"];
      spawn(binary, args, { stdio: "ignore" }).once("exit", resolve);
    });
  const done = (async () => {
    while (!ended) {
      await propose("scout", "reports/q3.txt");
      await propose("mallory", "reports/q3.txt");
    }
  })();
  return () => {
    ended = true;
    return done;
  };
}

before(async () => {
  z = await apart();
  browser = await open();
});
after(async () => {
  await browser?.close();
  await z?.close();
});

const tile = (page, name) => page.locator(`[data-tile="${name}"]`);
const stateOf = (page, name) => tile(page, name).getAttribute("data-state");
const card = (page, name) => page.locator(`[data-participant$="/${name}"]`).getAttribute("data-state");
const figure = async (page, name) => Number(await page.locator(`[data-figure="${name}"]`).textContent());
const tiles = ["Fabric", "Pulse", "Decisions", "Halts", "Evidence", "Ledger", "Release", "Zones", "Participants", "Drift", "Denials", "Decision time", "Deadline used", "Ledger growth", "Follower lag"];

async function allUnknown(page) {
  for (const name of tiles) {
    await until(`${name} is unknown`, async () => (await stateOf(page, name)) === "unknown");
  }
  assert.equal(await page.locator("main .state.good").count(), 0, "something is shown as well");
}

for (const colorScheme of ["dark", "light"]) {
  test(`figures under load are those of the ledger, ${colorScheme}`, async () => {
    const { page, context, fine } = await visit(browser, `${z.url}/#/health`, { colorScheme });
    const stop = load(z);
    try {
      await until("armed", async () => (await stateOf(page, "Fabric")) === "good");
      await until("decisions are measured", async () => (await stateOf(page, "Decisions")) === "good" && (await figure(page, "allowed")) > 0 && (await figure(page, "denied")) > 0);
      await until("denials have their reason", async () => (await page.locator("[data-reason='policy.default_deny']").count()) > 0);
      const [told] = z.cli(["status"]);
      await until("the position is that of the command line", async () => (await figure(page, "position")) >= told.position);
      assert.equal(await figure(page, "epoch"), told.epoch);
      assert.equal(await figure(page, "release"), told.release.version);
      assert.equal(await page.locator("[data-participant]").count(), told.participants.length);
      for (const [, name] of roles) await until(`${name} is armed`, async () => (await card(page, name)) === "armed");
      for (const name of ["Pulse", "Halts", "Ledger", "Release", "Zones", "Decision time", "Follower lag"]) {
        await until(`${name} is well`, async () => (await stateOf(page, name)) === "good");
      }
      await until("evidence covers the ledger", async () => (await stateOf(page, "Evidence")) === "good");
      // The same figures as a table, by the keyboard.
      const summary = page.getByText("Decision time as a table");
      await summary.focus();
      await page.keyboard.press("Enter");
      const table = page.getByRole("region", { name: "Decision time, newest first" });
      await until("the table has figures", async () => /\d ms/.test(await table.textContent()));
      assert.match(await table.textContent(), /unknown/, "seconds in which nothing was decided have no figure");
      await accessible(page);
      await page.evaluate(() => scrollTo(0, 0));
      await shot(page, `health-${colorScheme}`);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.equal(wide, 0);
    } finally {
      await stop();
    }
    fine();
    await context.close();
  });
}

test("on a phone the page with all its tables is no wider than the screen", async () => {
  const { page, context, fine } = await visit(browser, `${z.url}/#/health`, { viewport: { width: 360, height: 740 } });
  await until("plots are there", async () => (await page.locator("main canvas").count()) > 0);
  await until("the history is there", async () => (await stateOf(page, "Drift history")) === "good");
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.equal(wide, 0);
  fine();
  await context.close();
});

test("an enforcer that stops is silent and the fabric not armed; the finding stays in the history when it is over", async () => {
  const { page, context, fine } = await visit(browser, `${z.url}/#/health`);
  await until("armed", async () => (await stateOf(page, "Fabric")) === "good" && (await card(page, "e1")) === "armed");
  await z.parts.get("e1").kill("SIGKILL");
  await until("the card is silent", async () => (await card(page, "e1")) === "silent");
  await until("not armed", async () => (await stateOf(page, "Fabric")) === "bad");
  assert.match(await tile(page, "Fabric").textContent(), /0 enforcer ready, 1 needed/);
  assert.equal(await card(page, "x1"), "armed", "who beats is heard");
  const row = page.locator("[data-finding='heartbeat.missing']");
  await until("the silence drifts", async () => (await row.count()) > 0 && (await row.first().getAttribute("data-state")) === "present");
  await until("and is told now", async () => ["warn", "bad"].includes(await stateOf(page, "Drift")));
  await accessible(page);
  await z.join("enforcer", "e1");
  await until("armed again", async () => (await stateOf(page, "Fabric")) === "good" && (await card(page, "e1")) === "armed");
  await until("the finding is over", async () => (await row.first().getAttribute("data-state")) === "gone");
  assert.match(await row.first().textContent(), /appeared.*gone/);
  fine();
  await context.close();
});

test("a console that is killed leaves nothing known and nothing green, and its return is seen", async () => {
  const { page, context, fine } = await visit(browser, `${z.url}/#/health`);
  await until("armed", async () => (await stateOf(page, "Fabric")) === "good");
  await until("plots", async () => (await stateOf(page, "Follower lag")) === "good");
  await z.parts.get("console").kill("SIGKILL");
  await allUnknown(page);
  for (const [, name] of roles) assert.equal(await card(page, name), "unknown");
  await accessible(page);
  await z.serve(new URL(z.url).host);
  await until("armed again", async () => (await stateOf(page, "Fabric")) === "good");
  await until("figures again", async () => (await stateOf(page, "Decision time")) === "good");
  fine();
  await context.close();
});

test("a server that lives and hears nothing shows that it knows nothing", async () => {
  const { page, context, fine } = await visit(browser, `${z.url}/#/health`);
  await until("armed", async () => (await stateOf(page, "Fabric")) === "good");
  const broker = z.parts.get("broker");
  process.kill(broker.pid, "SIGSTOP");
  try {
    await allUnknown(page);
    const header = page.getByRole("banner").locator("[data-fabric]");
    assert.equal(await header.getAttribute("data-fabric"), "unknown");
    await until("the header says why, as the page does", async () => {
      const why = (await page.locator("main").getByRole("alert").first().innerText()).replace(/^.*unknown\s*/, "");
      return why.length > 10 && (await header.innerText()).includes(why);
    });
    await accessible(page);
    await page.setViewportSize({ width: 360, height: 740 });
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), 0);
  } finally {
    process.kill(broker.pid, "SIGCONT");
  }
  await until("the ledger is read again", async () => (await stateOf(page, "Ledger")) !== "unknown");
  await until("the fabric is known again", async () => (await stateOf(page, "Fabric")) !== "unknown");
  await until("everywhere", async () => (await page.locator("[data-fabric]").getAttribute("data-fabric")) !== "unknown");
  fine();
  await context.close();
});

/** A series of one figure for the last five minutes; the middle third of it is unknown if there is to be a gap. */
function seriesOf(gap) {
  const now = new Date();
  const step = 2;
  const end = Math.floor(now.getTime() / 1000 / step) * step;
  const time = Array.from({ length: 150 }, (_, i) => end - (150 - i) * step);
  const records = time.map((_, i) => (gap && i >= 50 && i < 100 ? null : 5));
  return { now: now.toISOString(), step, time, columns: { records }, reasons: {}, lag: {}, whole: null, governance: [] };
}

/** What share of a plot's left, middle and right part has the first line's colour in it. */
const drawn = (panel) =>
  panel.evaluate((section) => {
    const probe = getComputedStyle(section.querySelector(".legend svg")).color.match(/\d+/g).map(Number);
    const canvas = section.querySelector("canvas");
    const { data, width, height } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    const like = (at) => data[at + 3] > 200 && [0, 1, 2].every((i) => Math.abs(data[at + i] - probe[i]) < 24);
    const inked = Array.from({ length: width }, (_, x) => Array.from({ length: height }).some((_, y) => like((y * width + x) * 4)));
    const from = inked.indexOf(true);
    const span = inked.lastIndexOf(true) - from + 1;
    const share = (a, b) => {
      const part = inked.slice(from + Math.ceil(a * span), from + Math.floor(b * span));
      return part.length === 0 ? 0 : part.filter(Boolean).length / part.length;
    };
    return [share(0, 0.3), share(0.36, 0.63), share(0.7, 1)];
  });

test("what is unknown is a gap in the line that is drawn, and no line goes across it", async () => {
  const { page, context, fine } = await visit(browser, `${z.url}/#/health`);
  let gap = false;
  await context.route("**/api/v1/health/series?*", (route) => route.fulfill({ json: seriesOf(gap) }));
  const growth = tile(page, "Ledger growth");
  const whole = (share) => share > 0.95;
  await until("a whole line", async () => (await drawn(growth)).every(whole));
  gap = true;
  const [left, , right] = await until("a line in two parts", async () => {
    const parts = await drawn(growth);
    return parts[1] === 0 ? parts : undefined;
  });
  assert.ok(whole(left) && whole(right), `${left} and ${right} of what is known is drawn`);
  fine();
  await context.close();
});
