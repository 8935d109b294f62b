import { get, query } from "../../lib/api";
import type { Status } from "../../lib/status";

/** What some whole seconds of the ledger come to, as dashboards/vitals (Go) tells it; null is unknown. */
export interface Figures {
  from: string; // log time
  to: string; // log time; it is not in the interval
  seconds: number;
  records: number;
  noise: number;
  intents: number;
  allowed: number;
  denied: number;
  pending: number;
  late: number;
  reasons: Record<string, number>;
  outcomes: Record<string, number>;
  decision_p50_ms: number | null;
  decision_p99_ms: number | null;
  deadline_used_p99: number | null; // share of the deadline's span
  outcome_p50_ms: number | null;
  outcome_p99_ms: number | null;
}

export interface Bounds {
  pulse_limit_ms: number;
  pulse_interval_ms: number;
  heartbeat_interval_ms: number;
  max_deadline_ms: number;
  max_clock_skew_ms: number;
  start_ms: number;
}

/** What dashboards/vitals adds to each report. */
interface More {
  vitals?: Figures | { unknown: string };
  bounds?: Bounds;
}

/** The newest minute's figures, or undefined while nothing is known. */
export function figuresOf(s: Status | undefined): Figures | undefined {
  const told = (s as (Status & More) | undefined)?.vitals;
  return told === undefined || "unknown" in told ? undefined : told;
}

/** Why there are no figures. */
export function whyNone(s: Status | undefined): string {
  const told = (s as (Status & More) | undefined)?.vitals;
  return told !== undefined && "unknown" in told ? told.unknown : "nothing was heard yet";
}

export function boundsOf(s: Status | undefined): Bounds | undefined {
  return (s as (Status & More) | undefined)?.bounds;
}

export type Column = (number | null)[];

export interface Governed {
  position: number;
  at: string;
  kind: string;
  text: string;
}

export interface Series {
  now: string; // the console's clock
  step: number; // seconds that each point covers
  unknown?: string;
  time: number[]; // Unix seconds at which each point's interval begins
  columns: Record<string, Column>; // rates in a second, times in ms
  reasons: Record<string, Column>;
  lag: Record<string, Column>;
  whole: Figures | null;
  governance: Governed[];
}

export interface Drifted {
  rule: string;
  subject: string;
  by: string;
  level: string;
  detail: string;
  state: "present" | "gone" | "unheard";
  since: string;
  first: string;
  last: string;
  changes: { at: string; what: string; level: string }[];
}

export interface History {
  findings: Drifted[];
  dropped: number;
  from: string | null;
  to: string | null;
}

export function getSeries(seconds: number, signal: AbortSignal): Promise<Series> {
  return get<Series>(query("/api/v1/health/series", { seconds }), signal);
}

export function getHistory(signal: AbortSignal): Promise<History> {
  return get<History>("/api/v1/health/findings", signal);
}
