import { post } from "../../lib/api";
import { clock } from "../../lib/clock.svelte";

/** What a halt of a scope would stop, as the server last told it. */
export interface Blast {
  scope: string;
  drill: boolean;
  known: boolean;
  agents: { name: string; tools: string[] }[];
  tools: string[];
  sessions: { agent: string; session: string; age_ms: number }[];
  executors: { name: string; state: string; why: string; running?: number; halted_running?: number; age_ms?: number }[];
  waiting: { intent: string; agent: string; tool: string; resource: string }[];
  bound_ms: number;
  position: number;
  halts: string[];
}

const every = 2000;

/** Reads the blast radius of one scope again and again. */
export class Radius {
  now = $state.raw<Blast>();
  received = $state(0);
  error = $state.raw<unknown>();
  private scope = "";
  private timer: ReturnType<typeof setTimeout> | undefined;

  get age(): number {
    return this.now === undefined ? Infinity : Math.max(0, clock.now - this.received);
  }

  /** Reads that of another scope from now on; "" is none. */
  of(scope: string): void {
    this.scope = scope;
    this.now = undefined;
    this.error = undefined;
    clearTimeout(this.timer);
    if (scope !== "") this.timer = setTimeout(() => void this.read(scope), 150); // whoever types is not done yet
  }

  private async read(scope: string): Promise<void> {
    try {
      const told = await post<Blast>("/api/v1/governance/preview", { scope }, AbortSignal.timeout(10_000));
      if (this.scope !== scope) return;
      this.now = told;
      this.received = performance.now();
      this.error = undefined;
    } catch (err) {
      if (this.scope !== scope) return;
      this.error = err;
    }
    this.timer = setTimeout(() => void this.read(scope), every);
  }
}
