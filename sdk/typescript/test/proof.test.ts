import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { type StepName, verifyProof } from "../src/proof/index.js";
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
