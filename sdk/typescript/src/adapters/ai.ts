import { type FlexibleSchema, tool, type Tool } from "ai";

import { type Governed, perform, type Proposer } from "./governed.js";

/**
 * A tool for the Vercel AI SDK whose calls are governed. A call that was not
 * executed throws, which the AI SDK turns into a tool error for the model.
 */
export function governedTool<Input extends object>(by: Proposer, g: Governed<Input> & { inputSchema: FlexibleSchema<Input> }): Tool<Input, string> {
  return tool<Input, string>({
    description: g.description,
    inputSchema: g.inputSchema,
    execute: (input, { abortSignal }) => perform(by, g, input, abortSignal),
  });
}

export type { Governed, Proposer } from "./governed.js";
