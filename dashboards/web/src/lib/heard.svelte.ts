import { live, staleAfter } from "./events.svelte";

/**
 * How old what the console knows is, in milliseconds, by where it comes from. A report that has just come may tell of
 * what was heard long ago: the server lives, and hears nothing any more.
 */
class Heard {
  /** The newest record of the ledger that the server had read. */
  get ledger(): number {
    return live.status === undefined ? Infinity : this.since(live.status.log_time);
  }

  /** The newest heartbeat of anybody. */
  get beats(): number {
    return Math.min(Infinity, ...(live.status?.participants ?? []).map((p) => p.age_ms ?? Infinity)) + live.age;
  }

  /** The newest of anything. */
  get anything(): number {
    return Math.min(this.ledger, this.beats);
  }

  /** Why nothing is known; "" if something is. */
  get why(): string {
    if (live.known === undefined) return live.why === "" ? "the newest report is too old" : live.why;
    return this.anything > staleAfter ? "the console's server lives, but hears neither the ledger nor any participant" : "";
  }

  /** Milliseconds since a moment, as the server's newest report had it, and since that report came. */
  since(moment: string): number {
    const s = live.status;
    return s === undefined ? Infinity : Math.max(0, Date.parse(s.at) - Date.parse(moment)) + live.age;
  }
}

export const heard = new Heard();
