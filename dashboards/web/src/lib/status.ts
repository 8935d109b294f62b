/** The zone's status as zone.Status.Report (Go) tells it. Ages are in milliseconds. */
export interface Status {
  at: string;
  armed: boolean;
  why: string[];
  ledger: string;
  position: number;
  log_time: string;
  epoch: number;
  head: string;
  release?: { version: number; digest: string; expires: string };
  halts: Halt[];
  last_halt?: Halt & { drill: boolean; in_force: boolean };
  pulse?: { by: string; position: number; age_ms: number; fault?: string };
  evidence: Evidence;
  participants: Participant[];
  findings: Finding[];
  approvals_waiting: number;
}

export interface Halt {
  halt: string;
  scope: string;
  reason: string;
  rule: string;
  subject: string;
  position: number;
  age_ms: number;
}

export interface Evidence {
  state: string;
  why: string;
  recorder: string; // whose word this rests on; "" if none is heard
  recorders: number;
  cosigned: number;
  witnesses: number;
  needed: number;
  size?: number;
  root?: string;
  age_ms?: number;
  uncovered?: number;
}

/** Of a participant that was not heard, only role, name and state are known. */
export interface Participant {
  role: string;
  name: string;
  state: "armed" | "disarmed" | "starting" | "silent" | "ignored";
  why?: string;
  age_ms?: number;
  position?: number;
  behind?: number;
  running?: number;
  halted_running?: number;
  epoch?: number;
  release?: string;
  incarnation?: string;
  build?: string;
  config?: string;
  clock?: string;
}

export interface Finding {
  level: "warn" | "trip";
  rule: string;
  subject: string;
  detail: string;
  by: string;
  since: string;
  age_ms: number;
}
