import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { ToolMessage, type BaseMessage, AIMessage } from "@langchain/core/messages";
import { fakeModel } from "@langchain/core/testing";
import { createReactAgent } from "@langchain/langgraph/prebuilt";
import { Agent as OpenAIAgent, run, setTracingDisabled } from "@openai/agents";
import { assistantMessage, functionCall, ScriptedModel } from "@openai/agents/testing";
import { generateText, stepCountIs } from "ai";
import { MockLanguageModelV3 } from "ai/test";
import { z } from "zod";

import { governedTool as governedAI } from "../src/adapters/ai.js";
import { governedTool as governedGraph } from "../src/adapters/langgraph.js";
import { governedTool as governedOpenAI } from "../src/adapters/openaiagents.js";
import { Agent } from "../src/index.js";
import { Zone } from "./zone.js";

let zone: Zone;
let agent: Agent;

before(async () => {
  setTracingDisabled(true);
  zone = await Zone.start();
  agent = await Agent.open({ folder: zone.agent(), within: 30_000 });
});

after(async () => {
  await agent.close();
  await zone.remove();
});

const input = z.object({ path: z.string() });
const spec = (timeout: number) => ({
  tool: "file-read",
  description: "Reads a file under the zone's files folder.",
  resource: ({ path }: { path: string }) => path,
  timeout,
});

/** What one platform's model was told of its one call. */
type Platform = (path: string, timeout: number) => Promise<string>;

const vercel: Platform = async (path, timeout) => {
  const usage = { inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 }, outputTokens: { total: 1, text: 1, reasoning: 0 } };
  const model = new MockLanguageModelV3({
    doGenerate: [
      {
        content: [{ type: "tool-call", toolCallId: "1", toolName: "file-read", input: JSON.stringify({ path }) }],
        finishReason: { unified: "tool-calls", raw: "tool_calls" }, usage, warnings: [],
      },
      { content: [{ type: "text", text: "done" }], finishReason: { unified: "stop", raw: "stop" }, usage, warnings: [] },
    ],
  });
  const tools = { "file-read": governedAI(agent, { ...spec(timeout), inputSchema: input }) };
  const { text, steps } = await generateText({ model, tools, prompt: "read it", stopWhen: stepCountIs(3) });
  assert.equal(text, "done");
  const told = steps[0]?.content.find((part) => part.type === "tool-result" || part.type === "tool-error");
  return told?.type === "tool-result" ? String(told.output) : `error: ${String(told?.type === "tool-error" ? told.error : "nothing")}`;
};

const openai: Platform = async (path, timeout) => {
  const model = new ScriptedModel([[functionCall("file_read", { path }, { callId: "1" })], [assistantMessage("done")]]);
  const tools = [governedOpenAI(agent, { ...spec(timeout), parameters: input })];
  const result = await run(new OpenAIAgent({ name: "reader", model, tools }), "read it");
  assert.equal(result.finalOutput, "done");
  const told = result.newItems.find((item) => item.type === "tool_call_output_item");
  return String(told?.output);
};

const langgraph: Platform = async (path, timeout) => {
  const model = fakeModel().respondWithTools([{ name: "file-read", args: { path }, id: "1" }]).respond(new AIMessage("done"));
  const graph = createReactAgent({ llm: model, tools: [governedGraph(agent, { ...spec(timeout), schema: input })] });
  const { messages } = (await graph.invoke({ messages: [{ role: "user", content: "read it" }] })) as { messages: BaseMessage[] };
  assert.equal(messages.at(-1)?.content, "done");
  const told = messages.find((m) => m instanceof ToolMessage);
  return `${told?.status === "error" ? "error: " : ""}${String(told?.content)}`;
};

const platforms: [string, Platform][] = [["Vercel AI SDK", vercel], ["OpenAI Agents", openai], ["LangGraph", langgraph]];

for (const [name, platform] of platforms) {
  test(`${name}: an allowed call is executed, and the model is told what it returned`, async () => {
    assert.match(await platform("notes.txt", 30_000), /the gate holds/);
  });

  test(`${name}: a denied call does not run, and the model is told why`, async () => {
    const told = await platform("secret/key.txt", 30_000);
    assert.match(told, /error/i);
    assert.match(told, /refused \(policy\.forbidden\)/);
  });

  test(`${name}: arguments that the schema does not take are never proposed`, async () => {
    const told = await platform(7 as unknown as string, 30_000);
    assert.match(told, /error|invalid/i);
    assert.doesNotMatch(told, /the gate holds|refused/);
  });
}

test("while the zone is down no call runs, and each model is told so", async () => {
  await zone.down();
  for (const [name, platform] of platforms) {
    const told = await platform("notes.txt", 500);
    assert.match(told, /error/i, name);
    assert.match(told, /never acknowledged the intent|not on the ledger/, name);
    assert.doesNotMatch(told, /the gate holds/, name);
  }
});
