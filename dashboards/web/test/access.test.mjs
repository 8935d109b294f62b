// Who may come in: a login at a provider, by a person in a browser; what the page shows before, during and after.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmod, readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { accessible, cli, freePort, open, part, until, visit, zone } from "./harness.mjs";
import { peopleApprove, transfer } from "./approved.mjs";
import { provider } from "./provider.mjs";

const client = "console";
const people = {
  ada: { sub: "1", email: "ada@example.com", email_verified: true, groups: ["ops"] },
  bob: { sub: "2", email: "bob@example.com", email_verified: true, groups: ["staff"] },
  cas: { sub: "4", email: "cas@example.com", email_verified: true, groups: ["oncall"] },
  eve: { sub: "3", email: "eve@example.com", email_verified: true, groups: ["strangers"] },
};

let browser, z, issuer, url, certificate;
let halted = false;

/** Makes keys and certificates: the console's own, and one of a client. */
function openssl(...args) {
  const done = spawnSync("openssl", args, { encoding: "utf8" });
  assert.equal(done.status, 0, done.stderr);
}

async function certified(name, ...more) {
  const [cert, key] = [join(z.folder, `${name}.pem`), join(z.folder, `${name}.key`)];
  openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", `/CN=${name}`, "-keyout", key, "-out", cert, ...more);
  await chmod(key, 0o600);
  return { cert, key };
}

/** A console of the zone that people log in to. */
async function start(...flags) {
  const at = `127.0.0.1:${await freePort()}`;
  const one = await part(z.data, [
    "--server", z.server, "console", "--listen", at, "--url", `https://${at}`, "--tls-cert", certificate.cert, "--tls-key", certificate.key, ...flags,
  ]);
  z.parts.push(one);
  assert.equal(one.ready.server, `https://${at}`);
  return one;
}

const oidc = () => ["--oidc-issuer", issuer.url, "--oidc-client-id", client, "--role", "operator=ops", "--role", "approver=oncall", "--role", "viewer=staff"];

before(async () => {
  z = await zone();
  issuer = await provider({ client });
  certificate = await certified("server", "-addext", "subjectAltName=IP:127.0.0.1");
  z.secured = await start(...oidc());
  url = z.secured.ready.server;
  browser = await open();
});
after(async () => {
  await browser?.close();
  await issuer?.close();
  await z?.close();
});

/** A page of somebody whose browser does not know the console's authority. Going to the provider is no fault. */
async function somebody(options = {}, at = url) {
  const seen = await visit(browser, at, { ignoreHTTPSErrors: true, ...options });
  const allowed = `asked ${issuer.url}/authorize?`;
  return {
    ...seen,
    fine: () => {
      const faults = seen.faults.filter((fault) => !fault.startsWith(allowed));
      assert.deepEqual(faults, []);
    },
  };
}

const login = (page) => page.getByRole("link", { name: "Log in at your provider" });
const kill = (page) => page.getByRole("button", { name: /kill switch/i });

async function comeIn(page, who) {
  issuer.person = who;
  await login(page).click();
}

for (const colorScheme of ["dark", "light"]) {
  test(`nobody sees anything of the zone, ${colorScheme}`, async () => {
    const { page, context, fine } = await somebody({ colorScheme });
    await page.getByRole("heading", { level: 1, name: "Log in" }).waitFor();
    assert.equal(await page.locator("[data-fabric]").count(), 0);
    assert.equal(await page.getByRole("navigation").count(), 0);
    assert.equal(await kill(page).count(), 0);
    const told = await (await page.request.get(`${url}/api/v1/about`)).json();
    assert.deepEqual([told.role, told.zone, told.ledger, told.trust_domain, told.surfaces], ["anyone", "", "", "", []]);
    for (const path of ["/api/v1/status", "/api/v1/events"]) assert.equal((await page.request.get(url + path)).status(), 401);
    await accessible(page);
    fine();
    await context.close();
  });
}

test("an operator comes in, sees how the zone stands, and goes", async () => {
  const { page, context, fine } = await somebody();
  await comeIn(page, people.ada);
  await page.getByText("ada@example.com").waitFor();
  await page.getByText("operator", { exact: true }).waitFor();
  await until("armed", async () => (await page.locator("[data-fabric]").getAttribute("data-fabric")) === "armed");
  assert.equal(new URL(page.url()).origin, url);
  await accessible(page);
  const cookies = await context.cookies();
  assert.deepEqual(cookies.map((c) => [c.name, c.secure, c.httpOnly, c.sameSite]), [["__Host-portcullis", true, true, "Strict"]]);
  assert.equal(await page.evaluate(() => document.cookie), "", "a script sees a cookie");

  await page.getByRole("button", { name: "Log out" }).click();
  await page.getByRole("heading", { level: 1, name: "Log in" }).waitFor();
  assert.equal(await page.locator("[data-fabric]").count(), 0);
  assert.deepEqual(await context.cookies(), []);
  const replayed = await page.request.get(`${url}/api/v1/status`, { headers: { Cookie: `__Host-portcullis=${cookies[0].value}` } });
  assert.equal(replayed.status(), 401);
  fine();
  await context.close();
});

test("a viewer is told that they only look", async () => {
  const { page, context, fine } = await somebody({ viewport: { width: 360, height: 740 } });
  await comeIn(page, people.bob);
  await page.getByText("viewer, looks only").waitFor();
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), 0, "wider than a phone");
  await accessible(page);
  fine();
  await context.close();
});

/** Somebody who has come in, at what is in force. */
async function governing(who) {
  const seen = await somebody({}, `${url}/#/governance`);
  await comeIn(seen.page, who);
  await seen.page.getByText(who.email).waitFor();
  await seen.page.goto(`${url}/#/governance`);
  await seen.page.getByText(/release \d+ is in force/).waitFor();
  return seen;
}

const governor = () => join(z.data, "governors", "g1", "signing.pem");
const alice = (file) => join(z.data, "participants", "approver", "alice", file);

/** The status of handing something in, whatever the page shows. */
const handIn = (page, what) =>
  page.evaluate((to) => fetch(to, { method: "POST", headers: { "Content-Type": "application/json" }, body: "{}" }).then((r) => r.status), `/api/v1/governance/${what}`);

for (const [role, who] of [["viewer", people.bob], ["approver", people.cas]]) {
  const why = `this needs the role operator; you are ${role}`;

  test(`the kill switch is closed to whoever is ${role}, and says why`, async () => {
    const { page, context, fine } = await governing(who);
    await kill(page).click();
    const dialog = page.getByRole("dialog", { name: "Kill switch" });
    await dialog.getByText(why).waitFor();
    await dialog.getByLabel(/^Reason/).fill(`whoever is ${role} tries`);
    await dialog.getByLabel(/^Key file/).setInputFiles(governor());
    await dialog.getByText("governor g1's").waitFor();
    await dialog.getByLabel(/^Type/).fill("global");
    const go = dialog.getByRole("button", { name: "Sign and halt global" });
    assert.ok(await go.isDisabled());
    assert.equal(await go.evaluate((b) => document.getElementById(b.getAttribute("aria-describedby")).textContent), why);
    // What somebody else has signed they do not hand in either.
    const file = join(z.folder, `halt-${role}.txt`);
    z.cli(["halt", "--reason", "signed elsewhere", "--out", file]);
    await dialog.getByText("Sign with the command line instead").click();
    await dialog.getByLabel("What FILE holds").fill(await readFile(file, "utf8"));
    await dialog.getByText("signed elsewhere").waitFor();
    const send = dialog.getByRole("button", { name: "Send what was signed" });
    assert.ok(await send.isDisabled());
    assert.equal(await send.evaluate((b) => document.getElementById(b.getAttribute("aria-describedby")).textContent), why);
    assert.equal(await handIn(page, "records"), 403, `the server takes it from whoever is ${role}`);
    await accessible(page);
    fine();
    await context.close();
  });

  test(`a resume is closed to whoever is ${role}, and says why`, async () => {
    if (!halted) z.cli(["halt", "--scope", "tool:file-read", "--reason", "to be resumed"]);
    halted = true;
    const { page, context, fine } = await governing(who);
    await page.getByRole("checkbox", { name: /lift tool:file-read/ }).check();
    await page.getByRole("button", { name: /^Resume 1 of 1/ }).click();
    const dialog = page.getByRole("dialog", { name: "Resume" });
    await dialog.getByText(why).waitFor();
    await dialog.getByLabel(/^Reason/).fill(`whoever is ${role} tries`);
    await dialog.getByLabel(/^Key file/).setInputFiles(governor());
    await dialog.getByText("governor g1's").waitFor();
    await dialog.getByRole("button", { name: "Sign", exact: true }).click();
    await dialog.getByText("1 of 1 that must have signed").waitFor(); // nothing is missing but the role
    assert.ok(await dialog.getByRole("button", { name: /^Send: lift/ }).isDisabled());
    await dialog.getByText(why).waitFor();
    assert.equal(await handIn(page, "records"), 403, `the server takes it from whoever is ${role}`);
    await accessible(page);
    fine();
    await context.close();
  });
}

test("an approval is closed to a viewer, who is told why, and open to an approver", async () => {
  await peopleApprove(z);
  const ended = transfer(z, 7, "acme");
  for (const [who, allowed] of [[people.bob, false], [people.cas, true]]) {
    const { page, context, fine } = await governing(who);
    await page.getByRole("region", { name: "Waiting for approval" }).getByRole("button", { name: /^Approve/ }).click();
    const dialog = page.getByRole("dialog", { name: "Approve" });
    await dialog.getByLabel(/^Key file/).setInputFiles(alice("signing.pem"));
    await dialog.getByLabel("Answer as").selectOption("alice");
    await dialog.getByLabel("svid.pem and svid.key").setInputFiles([alice("svid.pem"), alice("svid.key")]);
    await dialog.getByRole("region", { name: "What you sign" }).waitFor();
    const go = dialog.getByRole("button", { name: "Sign and approve" });
    if (allowed) {
      await until("an approver may answer", () => go.isEnabled());
      assert.equal(await handIn(page, "approvals"), 400, "the server asks for more than a role");
      await go.click();
      await dialog.getByText(/the answer stands at position \d+/).waitFor();
      await dialog.getByText("ALLOW").waitFor();
    } else {
      await dialog.getByRole("status").filter({ hasText: "this needs the role approver; you are viewer" }).waitFor();
      assert.ok(await go.isDisabled());
      assert.equal(await handIn(page, "approvals"), 403, "the server takes it from a viewer");
    }
    await accessible(page);
    fine();
    await context.close();
  }
  assert.equal((await ended).status, "EXECUTED");
});

for (const [what, who, says] of [
  ["somebody without a role is refused, and told why", people.eve, /you have no role here/],
  ["somebody whom the provider refuses is told so", undefined, /did not log you in/],
]) {
  test(what, async () => {
    const { page, context, fine } = await somebody();
    await page.getByRole("heading", { level: 1, name: "Log in" }).waitFor();
    await comeIn(page, who);
    await page.getByRole("alert").filter({ hasText: says }).waitFor();
    assert.equal(await page.locator("[data-fabric]").count(), 0);
    assert.deepEqual(await context.cookies(), []);
    await accessible(page);
    fine();
    await context.close();
  });
}

test("a link with words of its own says nothing of them", async () => {
  const { page, context, fine } = await somebody({}, `${url}/#/login?why=%3Cb%3Ecall%20555%3C%2Fb%3E`);
  await page.getByRole("alert").filter({ hasText: "The login failed." }).waitFor();
  assert.doesNotMatch(await page.getByRole("main").innerText(), /555/);
  fine();
  await context.close();
});

test("a page of another origin does nothing in somebody's name", async () => {
  const { page, context } = await somebody();
  await comeIn(page, people.ada);
  await page.getByText("ada@example.com").waitFor();
  issuer.target = `${url}/api/v1/logout`;
  const evil = await context.newPage();
  await evil.goto(`${issuer.url}/prize`);
  const [answer] = await Promise.all([
    evil.waitForResponse((got) => got.url() === issuer.target),
    evil.getByRole("button", { name: "Claim your prize" }).click(),
  ]);
  assert.equal(answer.status(), 403);
  const logins = issuer.logins;
  await evil.goto(`${issuer.url}/prize`);
  await evil.evaluate((to) => (location.href = to), `${url}/login`);
  await evil.waitForURL(`${url}/**`);
  assert.equal(issuer.logins, logins, "another origin began a login");
  await page.reload();
  await page.getByText("ada@example.com").waitFor();
  await context.close();
});

test("when a session ends, the page knows nothing any more", async () => {
  const short = await start(...oidc(), "--session-lifetime", "40s");
  const { page, context, fine } = await somebody({}, short.ready.server);
  await comeIn(page, people.ada);
  await page.getByText("ada@example.com").waitFor();
  await page.getByRole("heading", { level: 1, name: "Log in" }).waitFor();
  assert.equal(await page.locator("[data-fabric]").count(), 0);
  assert.equal(await page.getByText("ada@example.com").count(), 0);
  fine();
  await context.close();
});

test("a session survives the provider, and ends with the console", async () => {
  const gone = await provider({ client });
  const flags = oidc().map((flag) => (flag === issuer.url ? gone.url : flag));
  const one = await start(...flags);
  const seen = await visit(browser, one.ready.server, { ignoreHTTPSErrors: true });
  gone.person = people.ada;
  await login(seen.page).click();
  await seen.page.getByText("ada@example.com").waitFor();
  await gone.close();
  await seen.page.reload();
  await seen.page.getByText("ada@example.com").waitFor();
  await one.kill("SIGKILL");
  const again = await part(z.data, [
    "--server", z.server, "console", "--listen", new URL(one.ready.server).host, "--url", one.ready.server,
    "--tls-cert", certificate.cert, "--tls-key", certificate.key, ...flags,
  ]);
  z.parts.push(again);
  await seen.page.getByRole("heading", { level: 1, name: "Log in" }).waitFor();
  await login(seen.page).click();
  await seen.page.getByRole("alert").filter({ hasText: /does not answer as it should/ }).waitFor();
  await seen.context.close();
});

test("a client certificate is a way in, and its lack is told", async () => {
  const ca = await certified("carol");
  const one = await start("--client-ca", ca.cert, "--role", "approver=carol");
  const at = one.ready.server;
  const without = await somebody({}, at);
  await without.page.getByRole("heading", { level: 1, name: "A certificate is needed" }).waitFor();
  await accessible(without.page);
  without.fine();
  await without.context.close();
  const carol = await somebody({ clientCertificates: [{ origin: at, certPath: ca.cert, keyPath: ca.key }] }, at);
  await carol.page.getByText("approver", { exact: true }).waitFor();
  assert.equal(await carol.page.getByRole("button", { name: "Log out" }).count(), 0);
  carol.fine();
  await carol.context.close();
});

test("the log says who came and went, and nothing secret", () => {
  const log = z.secured.errors();
  assert.match(log, /somebody logged in.*ada@example\.com/);
  assert.match(log, /a login failed/);
  assert.doesNotMatch(log, /__Host-|code=|PRIVATE KEY|eyJ/);
});

test("it does not serve others without telling them apart", () => {
  for (const flags of [
    ["--listen", "0.0.0.0:0"],
    ["--listen", "0.0.0.0:0", "--tls-cert", certificate.cert, "--tls-key", certificate.key],
    ["--listen", "0.0.0.0:0", ...oidc()],
  ]) {
    assert.deepEqual(cli(z.data, ["--server", z.server, "console", ...flags], { codes: [2] }), []);
  }
});
