import { clock } from "./clock.svelte";
import { get, type Problem } from "./api";
import type { Status } from "./status";

/** How old the newest report may be before nothing in it is known any more. */
export const staleAfter = 5000;

interface About {
  trust_domain: string;
  zone: string;
  ledger: string;
  version: string;
  surfaces: string[];
  user: string;
  role: "anyone" | "viewer" | "approver" | "operator";
  how: string;
}

/**
 * What the server last said, and when. Whoever shows it asks `known` first: a report
 * that is too old says nothing about now.
 */
class Live {
  about = $state<About>();
  status = $state.raw<Status>();
  received = $state(0); // on the page's clock
  why = $state("nothing was heard yet"); // there is no report

  /** Milliseconds since the newest report came; Infinity if none did. */
  get age(): number {
    return this.status === undefined ? Infinity : Math.max(0, clock.now - this.received);
  }

  /** The newest report, unless it is too old to say anything about now. */
  get known(): Status | undefined {
    return this.age <= staleAfter ? this.status : undefined;
  }
}

export const live = new Live();

/** Listens until the page ends; a connection that breaks is made again. */
export function listen(): void {
  void introduce();
  let source: EventSource | undefined;
  const open = (): void => {
    source?.close();
    source = new EventSource("/api/v1/events");
    source.addEventListener("status", (event) => {
      live.status = JSON.parse((event as MessageEvent<string>).data) as Status;
      live.received = performance.now();
      live.why = "";
    });
    source.addEventListener("unknown", (event) => {
      live.why = (JSON.parse((event as MessageEvent<string>).data) as { why: string }).why;
      live.status = undefined;
    });
    source.addEventListener("error", () => {
      live.why = "the console's server does not answer";
      // A browser gives up for good after an answer that is no stream; we do not.
      if (source?.readyState === EventSource.CLOSED) setTimeout(open, 1000);
    });
    source.addEventListener("open", () => void introduce());
  };
  open();
}

async function introduce(): Promise<void> {
  try {
    live.about = await get<About>("/api/v1/about");
  } catch (err) {
    live.why = (err as Problem).message;
  }
}
