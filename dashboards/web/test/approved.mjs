// A zone in which transfers wait for alice.
import { spawn } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { binary } from "./harness.mjs";

const policy = `@id("people")
@reason("Transfers need a person.")
@approvals("1")
permit (principal in Group::"staff", action == Action::"transfer", resource is Account);
`;

const cases = `cases:
  - {name: nobody has approved, agent: scout, tool: transfer, resource: acme, arguments: {to: acme, amount: 1, currency: EUR}, allow: false}
  - {name: somebody has, agent: scout, tool: transfer, resource: acme, arguments: {to: acme, amount: 1, currency: EUR}, approvals: 1, allow: true, policies: [people]}
`;

/** Publishes the policy, and lets alice answer. Intents may wait for minutes. */
export async function peopleApprove(z) {
  await writeFile(join(z.data, "release", "policies", "money.cedar"), policy);
  await writeFile(join(z.data, "release", "tests", "money.yaml"), cases);
  const source = join(z.data, "release", "release.yaml");
  await writeFile(source, (await readFile(source, "utf8")).replace("max_deadline: 60s", "max_deadline: 10m"));
  z.cli(["release", "publish", "--accept-widening"]);
  z.cli(["enroll", "approver", "alice", "--tools", "transfer"]);
}

/** Proposes a transfer that waits, and resolves with how it ended. */
export function transfer(z, amount, to) {
  const child = spawn(binary, [
    "--json", "--data", z.data, "--server", z.server, "propose", "--as", "scout", "--tool", "transfer", "--resource", "acme",
    "--arg", `to=${to}`, "--arg", `amount=${amount}`, "--arg", "currency=EUR", "--timeout", "5m",
  ]);
  let said = "";
  child.stdout.on("data", (text) => (said += text));
  return new Promise((resolve) => child.once("exit", () => resolve(JSON.parse(said.split("\n")[0] || "{}"))));
}
