import assert from "node:assert/strict";
import { test } from "node:test";

import type { Msg } from "@nats-io/transport-node";

import { readAck } from "../src/agent/ack.js";
import { AppendError } from "../src/agent/errors.js";

/** What a broker may answer to an append, and what is known of the record then. */
const answers: [about: string, body: string, code: number, fate: number | AppendError["fate"]][] = [
  ["stored", '{"stream":"LEDGER_z1","seq":7}', 0, 7],
  ["nobody there", "", 503, "unreachable"],
  ["not JSON", "+OK", 0, "unknown"],
  ["null", "null", 0, "unknown"],
  ["another stream", '{"stream":"LEDGER_z2","seq":7}', 0, "unknown"],
  ["no sequence", '{"stream":"LEDGER_z1"}', 0, "unknown"],
  ["sequence 0", '{"stream":"LEDGER_z1","seq":0}', 0, "unknown"],
  ["a sequence that is text", '{"stream":"LEDGER_z1","seq":"7"}', 0, "unknown"],
  ["a duplicate", '{"stream":"LEDGER_z1","seq":7,"duplicate":true}', 0, "unknown"],
  ["storage is full", '{"error":{"err_code":10023,"description":"insufficient storage"}}', 0, "refused"],
  ["the stream is full", '{"error":{"err_code":10077,"description":"maximum bytes exceeded"}}', 0, "refused"],
  ["the store failed in another way", '{"error":{"err_code":10077,"description":"write failed"}}', 0, "unknown"],
  ["an error that is not known", '{"error":{"err_code":10164,"description":"?"},"stream":"LEDGER_z1","seq":7}', 0, "unknown"],
];

for (const [about, body, code, fate] of answers) {
  test(`an acknowledgement, ${about}: ${fate}`, () => {
    const message = { data: new TextEncoder().encode(body), headers: code === 0 ? undefined : { code } } as unknown as Msg;
    const read = () => readAck(message, "fabric.z1.intent.alice", "LEDGER_z1");
    if (typeof fate === "number") assert.equal(read(), fate);
    else assert.throws(read, (err) => err instanceof AppendError && err.fate === fate);
  });
}
