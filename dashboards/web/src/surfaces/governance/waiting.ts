/** An intent that waits for people, or has waited and can still be refused. */
export interface Waiting {
  intent: string;
  position: string;
  agent: string;
  session: string;
  tool: string;
  action: string;
  resource: string;
  arguments?: string; // as the agent wrote them
  sealed_to?: string;
  arguments_digest: string;
  needed: number; // 0: policy alone does not tell
  approved: number;
  pending: boolean;
  claimed: boolean;
  left_ms: number;
  deadline: string;
  answers: { by: string; approve: boolean; position: number }[];
}

export interface Approver {
  name: string;
  tools: string[];
  carried: boolean;
  why?: string;
}

/**
 * Text that an agent wrote, as it is, but for what cannot be seen: control and format characters, which could hide
 * or turn round what somebody signs for, are spelled out.
 */
export function readable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu, (c) => (c === "\n" ? c : `\\u{${(c.codePointAt(0) ?? 0).toString(16)}}`));
}
