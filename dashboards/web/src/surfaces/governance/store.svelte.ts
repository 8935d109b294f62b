import { fromBase64 } from "$sdk/wire/bytes";
import { get } from "../../lib/api";
import { clock } from "../../lib/clock.svelte";
import { live } from "../../lib/events.svelte";
import type { Governor, Place } from "./sign/record";

export interface Standing {
  halt: string;
  scope: string;
  reason: string;
  rule: string;
  subject: string;
  position: number;
  stored: string;
  payload: string; // base64
  signed_by: string[];
}

export interface Entry {
  name: string;
  role: string;
  id: string;
  groups: string[];
  tools: string[];
  attributes: string[];
  rank: number;
  required: boolean;
  gateway: boolean;
  revoked: boolean;
}

export interface Release {
  version: number;
  digest: string;
  position: number;
  since: string;
  signed_by: string[];
  not_before: string;
  expires: string;
  note: string;
  decision_threshold: number;
  witness_threshold: number;
  durability: string;
  thresholds: { release: number; resume: number };
  governors: Governor[];
  directory: Entry[];
  tools: { name: string; action: string; resource_type: string; description: string; arguments: string[]; run_limit: string; executors: string[] }[];
  limits: { id: string; tools: string[]; key: string; argument: string; max: number; window: string }[];
  bounds: { name: string; value: string }[];
  bound_ms: number;
  drift: { rule: string; intervals: number; threshold: string; warn_only: boolean; scope: string }[];
  policies: { name: string; text: string; digest: string }[];
}

export interface Difference {
  path: string;
  before?: string;
  after?: string;
  lines?: string[];
}

interface State extends Place {
  position: number;
  log_time: string;
  epoch: number;
  head: string;
  sealed: boolean;
  release: Release;
  halts: Standing[];
  carries: { able: boolean; as?: string; why?: string; mend?: string };
  previous?: { version: number; digest: string };
  differences?: Difference[];
}

const every = 5000; // while somebody looks
/** How old what is known of governance may be before it is unknown. */
export const staleAfter = 15_000;

/** What is in force, as the server last read it from the ledger. It is read again while somebody looks. */
class Governance {
  state = $state.raw<State>();
  received = $state(0);
  error = $state.raw<unknown>();
  private looking = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  get age(): number {
    return this.state === undefined ? Infinity : Math.max(0, clock.now - this.received);
  }

  /** What was read, unless it is too old to be in force for sure. */
  get known(): State | undefined {
    return this.age <= staleAfter ? this.state : undefined;
  }

  /** The ledger that records are for: known longer than what is in force on it, since it never changes. */
  get place(): Place | undefined {
    return this.state ?? (live.about !== undefined && live.about.zone !== "" ? live.about : undefined);
  }

  /** Governors with their public keys; undefined while nothing is known. */
  get governors(): (Governor & { raw: Uint8Array })[] | undefined {
    return this.known?.release.governors.map((g) => ({ ...g, raw: fromBase64(g.public_key) }));
  }

  /** Reads on until the answer is called. */
  watch(): () => void {
    if (this.looking++ === 0) void this.go();
    return () => {
      if (--this.looking === 0) clearTimeout(this.timer);
    };
  }

  /** Reads it now. */
  async read(): Promise<void> {
    try {
      this.state = await get<State>("/api/v1/governance", AbortSignal.timeout(staleAfter));
      this.received = performance.now();
      this.error = undefined;
    } catch (err) {
      this.error = err;
    }
  }

  private async go(): Promise<void> {
    await this.read();
    clearTimeout(this.timer);
    if (this.looking > 0) this.timer = setTimeout(() => void this.go(), every);
  }
}

export const governance = new Governance();
