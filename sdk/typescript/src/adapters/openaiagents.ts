import { type FunctionTool, tool } from "@openai/agents";
import type { z } from "zod";

import { type Governed, perform, type Proposer } from "./governed.js";

/**
 * A tool for the OpenAI Agents SDK whose calls are governed. A call that was not
 * executed does not fail the run: the model is told what the error says.
 * To the model the tool is named with '_' instead of '-'.
 */
export function governedTool<Schema extends z.ZodObject>(by: Proposer, g: Governed<z.infer<Schema>> & { parameters: Schema }): FunctionTool<unknown, z.ZodObject> {
  const parameters: z.ZodObject = g.parameters;
  return tool({
    name: g.tool.replaceAll("-", "_"), // the SDK allows no other
    description: g.description,
    parameters,
    execute: (input, _context, details) => perform(by, g, input as z.infer<Schema>, details?.signal),
    errorFunction: (_context, err) => `error: ${err instanceof Error ? err.message : String(err)}`, // the SDK's own says to try again
  });
}

export type { Governed, Proposer } from "./governed.js";
