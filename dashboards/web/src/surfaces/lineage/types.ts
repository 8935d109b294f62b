/** The JSON of core/history (Go), as far as the pages show it. Everything that people wrote in it is hostile text. */
export interface Held { position: number; log_time: string; newest: number; reading: boolean; full?: string }
export interface Intent {
  position: string; log_time: string; digest: string; defect?: string; id?: string; agent: string; key_id: string; session?: string; sequence?: number;
  parents?: string[]; previous?: string; tool?: string; action?: string; resource?: string; sealed_to?: string; deadline?: string;
  state: string; verdict?: string; release?: number;
  decisions?: { position: string; log_time: string; by: string; verdict: string; reasons?: string[]; policies?: string[]; quorum?: boolean; stray?: boolean; release?: number }[];
  approvals?: { position: string; log_time: string; by: string; approve: boolean; note?: string }[];
  claims?: { position: string; log_time: string; by: string; valid: boolean; void?: string }[];
  outcomes?: { position: string; log_time: string; by: string; status: string; reason?: string; rogue?: boolean }[];
}
export interface Page { intents: Intent[]; total: number; next?: string }
export interface Node { digest: string; known: boolean; depth: number; intent?: Intent }
export interface Graph { root: string; nodes: Node[]; edges: { from: string; to: string; kind: string; late?: boolean }[]; cut?: boolean }
export interface Governed { position: number; log_time: string; record: string; version?: number; scope?: string; reason?: string; revoked?: string; by: string[] }
export interface Standing {
  position: number; log_time: string; epoch: number; release?: { version: number; in_time: boolean };
  halts: { position: number; id: string; scope: string; reason: string; rule?: string }[]; revoked: string[]; sealed?: boolean;
  tools: string[]; agents: { name: string; tools: Record<string, string> }[];
}
export interface Names { agents: string[]; tools: string[]; releases: number[]; reasons: string[]; states: string[] }
export interface Verdict { verdict: string; detail?: string; reasons?: string[] }
export interface WhatIf {
  compared: number; underived: number; counts: Record<string, number>;
  rounds: { position: string; same: boolean; change: string; before: Verdict; after: Verdict }[];
}

/** How a state is marked. */
export function mark(state: string): "good" | "bad" | "warn" | "unknown" {
  if (["executed", "evaluated"].includes(state)) return "good";
  if (["denied", "failed", "void"].includes(state)) return "bad";
  if (["open", "waiting", "allowed", "claimed", "expired", "interrupted", "abandoned"].includes(state)) return "warn";
  return "unknown";
}

/** The record in which a position "seq.index" stands. */
export function recordOf(position: string): string {
  return position.split(".")[0] ?? position;
}
