import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const source = fileURLToPath(new URL("../src/", import.meta.url));

/** All modules that a module imports, itself included, and the packages that they name. */
function reach(file: string, modules = new Set<string>(), packages = new Set<string>()): Set<string> {
  if (modules.has(file)) return packages;
  modules.add(file);
  for (const [, name = ""] of readFileSync(file, "utf8").matchAll(/(?:from|import) "([^"]+)"/g)) {
    if (name.startsWith(".")) reach(join(dirname(file), name), modules, packages);
    else packages.add(name);
  }
  return packages;
}

test("the verifier of proofs needs nothing of Node", () => {
  const packages = [...reach(join(source, "proof/index.js"))];
  assert.ok(packages.length > 0);
  assert.deepEqual(packages.filter((name) => !/^@(bufbuild|noble)\//.test(name)), []);
});

test("whoever imports the agent imports no platform", () => {
  const packages = [...reach(join(source, "index.js"))];
  assert.ok(packages.includes("@nats-io/transport-node"));
  assert.deepEqual(packages.filter((name) => /^(ai|zod|@openai|@langchain)/.test(name)), []);
});

test("no module uses a global of Node without importing it, but in the agent's", () => {
  for (const folder of ["wire", "ledger", "governance", "lineage", "proof"]) {
    for (const name of readdirSync(join(source, folder)).filter((one) => one.endsWith(".js"))) {
      const code = readFileSync(join(source, folder, name), "utf8").replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*|"[^"\n]*"/g, "");
      assert.doesNotMatch(code, /\b(Buffer|process|require|__dirname)\b/, `${folder}/${name}`);
    }
  }
});
