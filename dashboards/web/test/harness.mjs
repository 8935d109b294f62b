// What every test in a browser begins with: a zone of its own with a console, made by the real binary, and a real
// Chromium that may speak with this machine alone. Nothing is left running.
import { spawn, spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

export const binary = process.env.PORTCULLIS ?? fileURLToPath(new URL("../../../bin/portcullis", import.meta.url));
const browserPath = process.env.CHROMIUM ?? "/usr/bin/chromium";

/** How long anything may take on a machine that has other things to do. */
export const patience = 60_000;

/** Runs the binary to its end. Throws with what it said when it fails, unless a code is expected. */
export function cli(data, args, { codes = [0], input } = {}) {
  const done = spawnSync(binary, ["--json", "--data", data, ...args], { encoding: "utf8", input, timeout: patience });
  if (!codes.includes(done.status)) throw new Error(`portcullis ${args.join(" ")} ended with ${done.status}: ${done.stderr}`);
  return done.stdout.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
}

/** Starts a part that runs on, and waits for the line that says that it is ready. */
export async function part(data, args, env = {}) {
  const child = spawn(binary, ["--json", "--data", data, ...args], { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...env } });
  let errors = "";
  child.stderr.on("data", (text) => (errors = (errors + text).slice(-16384)));
  const ended = new Promise((resolve) => child.once("exit", (code, signal) => resolve(code ?? signal)));
  const ready = await new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${args[0]} was not ready in time: ${errors}`)), patience);
    createInterface({ input: child.stdout }).on("line", (line) => {
      const said = JSON.parse(line);
      if (said.event === "ready" || said.event === "running") {
        clearTimeout(timer);
        resolve(said);
      }
    });
    ended.then((code) => reject(new Error(`${args[0]} ended with ${code} before it was ready: ${errors}`)));
  });
  return {
    ready,
    pid: child.pid,
    errors: () => errors,
    kill: async (signal = "SIGTERM") => {
      child.kill(signal);
      return ended;
    },
  };
}

/** A port of this machine that nobody uses. */
export async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/**
 * A zone that runs, with a console. `init` are flags of `portcullis init`; `flags` are those of the console. The
 * result has `url`, `data` (folder), `up` and `console` (parts), and `close`.
 */
export async function zone({ init = [], flags = [] } = {}) {
  const folder = await mkdtemp(join(tmpdir(), "portcullis-console-"));
  const data = join(folder, "data");
  const all = { folder, data, parts: [] };
  all.close = async () => {
    for (const one of all.parts.toReversed()) await one.kill();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    cli(data, ["init", "--bank", `127.0.0.1:${await freePort()}`, ...init]);
    all.up = await part(data, ["up", "--port", String(await freePort())]);
    all.parts.push(all.up);
    all.server = all.up.ready.server;
    all.console = await part(data, ["--server", all.server, "console", "--listen", "127.0.0.1:0", ...flags]);
    all.parts.push(all.console);
    all.url = all.console.ready.server;
    /** The same CLI against this zone. */
    all.cli = (args, options) => cli(data, ["--server", all.server, ...args], options);
    return all;
  } catch (err) {
    await all.close();
    throw err;
  }
}

/** A Chromium for one file of tests. */
export async function open() {
  return chromium.launch({
    executablePath: browserPath,
    args: [
      "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync",
    ],
  });
}

/**
 * A page in a context of its own. `faults` gathers what must never happen: violations of the page's policy, requests to
 * anybody else, uncaught errors. `fine()` throws if there is any.
 */
export async function visit(browser, url, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(patience);
  const faults = [];
  const own = new URL(url).origin;
  page.on("pageerror", (err) => faults.push(`uncaught: ${err.message}`));
  page.on("console", (said) => {
    if (/Content Security Policy|Trusted ?Type|TrustedHTML|TrustedScript/i.test(said.text())) faults.push(`policy: ${said.text()}`);
  });
  page.on("request", (asked) => {
    const to = asked.url();
    if (!to.startsWith("data:") && !to.startsWith("blob:") && new URL(to).origin !== own) faults.push(`asked ${to}`);
  });
  await page.goto(url);
  return {
    page,
    context,
    faults,
    fine: () => {
      if (faults.length > 0) throw new Error(faults.join("\n"));
    },
  };
}

const axeSource = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

/** Throws with what axe finds wrong with the page (WCAG 2.2 A and AA, and its best practices). */
export async function accessible(page) {
  // The page's policy forbids foreign scripts; what the debugger evaluates it does not forbid.
  const { readFile } = await import("node:fs/promises");
  await page.evaluate(await readFile(axeSource, "utf8"));
  const found = await page.evaluate(async () => (await globalThis.axe.run(document, { resultTypes: ["violations"] })).violations);
  if (found.length > 0) {
    throw new Error(found.map((v) => `${v.id} (${v.impact}): ${v.help}\n  ${v.nodes.map((n) => n.target.join(" ")).join("\n  ")}`).join("\n"));
  }
}

/** Waits until something is so; `what` says what was waited for in vain. */
export async function until(what, so) {
  const end = Date.now() + patience;
  for (;;) {
    const value = await so();
    if (value) return value;
    if (Date.now() > end) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Where screenshots for the documents go, if they are asked for. */
export const shots = process.env.SHOTS ?? "";

/** A screenshot for the documents. */
export async function shot(page, name) {
  if (shots !== "") await page.screenshot({ path: join(shots, `${name}.png`) });
}
