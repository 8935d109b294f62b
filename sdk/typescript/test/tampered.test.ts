import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { verifyProof } from "../src/proof/index.js";
import { repository } from "./repository.js";

/** A proof file with one thing altered, and the step that fails by Go's verifier. */
interface Tampered {
  file: string;
  anchor: string;
  how: "drop" | "position" | "time" | "log_time" | "subject" | "envelope" | "inclusion" | "checkpoint";
  record: number;
  at: number;
  failed: string;
}

interface File {
  records: { position: number; time: string; log_time: string; subject: string; envelope: string; inclusion: string[] }[];
  checkpoint: string;
}

const rows = JSON.parse(readFileSync(repository("sdk/vectors/tampered.json"), "utf8")) as Tampered[];

for (const name of new Set(rows.map((r) => r.file))) {
  const text = readFileSync(repository(`core/proof/testdata/vectors/${name}`), "utf8");
  test(`${name}: every tampering breaks the step that it breaks in Go`, () => {
    for (const row of rows.filter((r) => r.file === name)) {
      const file = JSON.parse(text) as File;
      alter(file, row);
      const result = verifyProof(JSON.stringify(file), row.anchor);
      assert.equal(result.failed ?? "", row.failed, `${row.how} of record ${row.record} at ${row.at}: ${JSON.stringify(result.steps)}`);
    }
  });
}

test("a file cut short, doubled or with members of its own is no file", () => {
  const text = readFileSync(repository("core/proof/testdata/vectors/executed.json"), "utf8");
  const { anchor } = JSON.parse(text) as { anchor: string };
  const spoiled = [
    "", "null", "[]", text.slice(0, -3), text + "{}", "\ufeff" + text,
    text.replace("{", '{"more":1,'), text.replace("{", '{"kind":"executed",'), text.replace(/"position": (\d)/, '"position": 0$1'),
    text.replace(/"position": (\d+),/, '"position": $1.0,'), text.replace(/"time": "/, '"time": "0'), text.replace('"inclusion": [', '"inclusion": null, "x": ['),
    text.replace(anchor, anchor.toUpperCase()), text.replace(/=",/, '",'), text.replace('"executed"', '"done"'), text.replace(/"about": \{/, '"about": {"claims": "1.0",'),
  ];
  for (const one of spoiled) {
    assert.notEqual(one, text);
    const result = verifyProof(one, anchor);
    assert.equal(result.failed, "form", one.slice(0, 80));
    assert.equal(result.ok, false);
  }
  assert.equal(verifyProof(Uint8Array.of(0xff, 0xfe), anchor).failed, "form");
  assert.equal(verifyProof(text, "").failed, "anchor");
  assert.equal(verifyProof(text, "0".repeat(64)).failed, "anchor");
});

function alter(file: File, how: Tampered): void {
  const r = file.records[how.record];
  assert.ok(r !== undefined);
  switch (how.how) {
    case "drop":
      file.records.splice(how.record, 1);
      break;
    case "position":
      r.position++;
      break;
    case "time":
      r.time = String(BigInt(r.time) - 1n);
      break;
    case "log_time":
      r.log_time = String(BigInt(r.log_time) + 1n);
      break;
    case "subject":
      r.subject += "x";
      break;
    case "envelope":
      r.envelope = flipped(r.envelope, how.at);
      break;
    case "inclusion": {
      r.inclusion[how.at] = flipped(r.inclusion[how.at] ?? "", 0);
      break;
    }
    case "checkpoint": {
      const bytes = Buffer.from(file.checkpoint);
      bytes[how.at] = 0x41;
      file.checkpoint = bytes.toString();
    }
  }
}

function flipped(base64: string, at: number): string {
  const bytes = Buffer.from(base64, "base64");
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  return bytes.toString("base64");
}
