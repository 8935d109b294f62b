import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { type StepName, verifyAuthority, verifyProof } from "../src/proof/index.js";
import { repository } from "./repository.js";

interface Vector {
  file: string;
  anchor: string;
  kind: string;
  ok: boolean;
  failed?: StepName;
}

const folder = repository("core/proof/testdata/vectors");
const index = JSON.parse(readFileSync(`${folder}/index.json`, "utf8")) as Vector[];

for (const v of index) {
  test(`${v.file} ${v.ok ? "holds" : `fails at ${v.failed ?? ""}`}`, () => {
    const result = verifyProof(readFileSync(`${folder}/${v.file}`), v.anchor);
    assert.equal(result.failed, v.failed, JSON.stringify(result.steps, null, 1));
    assert.equal(result.ok, v.ok);
    assert.equal(result.kind, v.kind);
  });
}

const claims = ["claimed", "executed", "failed", "interrupted", "abandoned", "indeterminate"];

for (const v of index) {
  const authorised = v.ok && claims.includes(v.kind);
  test(`${v.file} ${authorised ? "shows" : "shows no"} authority to act`, () => {
    const check = () => verifyAuthority(readFileSync(`${folder}/${v.file}`), v.anchor);
    if (!authorised) {
      assert.throws(check, /no authority/);
      return;
    }
    const authority = check();
    assert.equal(authority.tool, "read");
    assert.match(authority.executor, /^spiffe:\/\/example\.test\/z1\/executor\//);
    assert.equal(authority.fencingToken, authority.claim.sequence * 512n + BigInt(authority.claim.index));
  });
}
