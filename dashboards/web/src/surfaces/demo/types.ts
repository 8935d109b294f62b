/** What GET /api/v1/demo/events tells; the Go package dashboards/demo and story.Event say more. */
export interface State {
  state: "never" | "running" | "told" | "stopped" | "failed";
  demo?: string;
  why?: string;
  since?: string;
  took_ms: number;
  most_ms: number;
  events: number;
}

export interface Heading {
  step: string;
  title: string;
}

/** One line of the ledger as `portcullis tail --json` tells it. */
export interface Line {
  position: string;
  log_time: string;
  kind: string;
  by?: string[];
  text: string;
  decision?: { verdict?: string; reasons?: string[] };
  claim?: { valid: boolean; void?: string };
  outcome?: { status?: string };
  noise?: { reason: string };
}

export interface Over extends Heading {
  result: string;
  check: string;
  reasons?: string[];
  because?: string;
  ledger?: { what: string; at: string }[];
  world: string;
  faults?: string[];
}

export type Told =
  | { event: "outline"; steps: Heading[] }
  | ({ event: "begins" } & Heading)
  | { event: "record"; step: string; lines: Line[] }
  | ({ event: "over" } & Over);

export interface RawRecord {
  seq: number;
  time: string;
  subject: string;
  bytes: string;
  sha256: string;
  lines: Line[];
  envelope?: { payload_type: string; payload_size: number; signatures: { key_id: string; sig: string }[] };
  items?: unknown[];
  defect?: string;
}
