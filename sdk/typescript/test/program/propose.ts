import { Agent, NotDone } from "portcullis";

const [folder = "", path = ""] = process.argv.slice(2);
const agent = await Agent.open({ folder });
try {
  const out = await agent.propose({ tool: "file-read", resource: path, arguments: { path } });
  console.log(`executed under ${out.claim.sequence}.${out.claim.index}: ${new TextDecoder().decode(out.result)}`);
} catch (err) {
  console.log(err instanceof NotDone ? err.message : err); // it was not executed
}
await agent.close();
