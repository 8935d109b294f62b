import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";

import { repository } from "./repository.js";
import { Zone } from "./zone.js";

const exec = promisify(execFile);
const sdk = repository("sdk/typescript");

let project: string;
let zone: Zone;

before(async () => {
  zone = await Zone.start();
  project = await mkdtemp(join(tmpdir(), "portcullis-project-"));
  await exec("npm", ["pack", "--silent", "--pack-destination", project], { cwd: sdk });
  await writeFile(join(project, "package.json"), JSON.stringify({ name: "somebodys-project", private: true, type: "module" }));
  const archive = (await readdir(project)).find((name) => name.endsWith(".tgz")) ?? "";
  await exec("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", archive], { cwd: project });
});

after(async () => {
  await zone.remove();
  await rm(project, { recursive: true, force: true });
});

test("the packed package, installed in somebody's project, compiles there and proposes", async () => {
  await cp(join(sdk, "test/program/propose.ts"), join(project, "propose.ts"));
  const tsc = join(sdk, "node_modules/.bin/tsc");
  await exec(tsc, ["--strict", "--module", "nodenext", "--target", "es2022", "--lib", "es2022,dom", "--typeRoots", join(sdk, "node_modules/@types"), "--types", "node", "propose.ts"], { cwd: project });
  const allowed = await exec("node", ["propose.js", zone.agent(), "notes.txt"], { cwd: project });
  assert.match(allowed.stdout, /^executed under \d+\.\d+: \{.*the gate holds/);
  const denied = await exec("node", ["propose.js", zone.agent(), "secret/key.txt"], { cwd: project });
  assert.match(denied.stdout, /^refused \(policy\.forbidden\) at ledger position \d+\.0: /);
});

test("the verifier alone is there too, and a platform that is not installed is not asked for", async () => {
  const program = `
    import { readFileSync } from "node:fs";
    import { verifyProof } from "portcullis/proof";
    const [file, anchor] = process.argv.slice(2);
    console.log(verifyProof(readFileSync(file), anchor).ok);`;
  await writeFile(join(project, "verify.js"), program);
  const vectors = repository("core/proof/testdata/vectors");
  const index = JSON.parse(await readFile(join(vectors, "index.json"), "utf8")) as { anchor: string }[];
  const anchor = index[0]?.anchor ?? "";
  const { stdout } = await exec("node", ["verify.js", join(vectors, "executed.json"), anchor], { cwd: project });
  assert.equal(stdout.trim(), "true");
  const installed = await readdir(join(project, "node_modules"));
  assert.deepEqual(installed.filter((name) => ["ai", "zod", "@openai", "@langchain"].includes(name)), []);
});
