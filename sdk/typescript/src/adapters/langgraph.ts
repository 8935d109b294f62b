import { DynamicStructuredTool } from "@langchain/core/tools";
import type { z } from "zod";

import { type Governed, perform, type Proposer } from "./governed.js";

/**
 * A tool for LangGraph.js and LangChain whose calls are governed. A call that was
 * not executed throws, which a ToolNode turns into a tool message of status error.
 */
export function governedTool<Schema extends z.ZodObject>(by: Proposer, g: Governed<z.infer<Schema>> & { schema: Schema }): DynamicStructuredTool<z.ZodObject> {
  const schema: z.ZodObject = g.schema;
  return new DynamicStructuredTool({
    name: g.tool,
    description: g.description,
    schema,
    func: (input, _manager, config) => perform(by, g, input as z.infer<Schema>, config?.signal),
  });
}

export type { Governed, Proposer } from "./governed.js";
