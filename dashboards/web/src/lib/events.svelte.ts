import { clock } from "./clock.svelte";
import { get, type Problem, whenLoggedOut } from "./api";
import type { Status } from "./status";

/** How old the newest report may be before nothing in it is known any more. */
export const staleAfter = 5000;

export type Role = "anyone" | "viewer" | "approver" | "operator";

interface About {
  trust_domain: string;
  zone: string;
  ledger: string;
  version: string;
  surfaces: string[];
  user: string;
  role: Role;
  how: string; // loopback, oidc or certificate; of anyone, how people come in
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

/** How long after a connection ended for good, or was refused, the server is asked again. */
const again = 1000;

let source: EventSource | undefined;
let asking: ReturnType<typeof setTimeout> | undefined;

/** Listens until the page ends; a connection that breaks is made again. */
export function listen(): void {
  whenLoggedOut(later);
  // Somebody may have logged in, or out, in another window.
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") void introduce();
  });
  addEventListener("focus", () => void introduce());
  void introduce();
}

function open(): void {
  const mine = new EventSource("/api/v1/events");
  source = mine;
  mine.addEventListener("status", (event) => {
    live.status = JSON.parse((event as MessageEvent<string>).data) as Status;
    live.received = performance.now();
    live.why = "";
  });
  mine.addEventListener("unknown", (event) => {
    live.why = (JSON.parse((event as MessageEvent<string>).data) as { why: string }).why;
    live.status = undefined;
  });
  mine.addEventListener("error", () => {
    if (source !== mine) return;
    live.why = "the console's server does not answer";
    // A browser gives up for good after an answer that is no stream: that of a server which ends, or which does not
    // know this page's user any more. We ask who we are, and go on from there.
    if (mine.readyState !== EventSource.CLOSED) return;
    source = undefined;
    later();
  });
  mine.addEventListener("open", () => void introduce());
}

/** Asks again in a while, once however often that is wanted. */
function later(): void {
  clearTimeout(asking);
  asking = setTimeout(() => void introduce(), again);
}

/** Asks who looks. To somebody unknown nothing is told, and what was told before is not shown any more. */
export async function introduce(): Promise<void> {
  try {
    live.about = await get<About>("/api/v1/about");
  } catch (err) {
    live.why = (err as Problem).message;
    if (source === undefined) later();
    return;
  }
  if (live.about.role === "anyone") {
    source?.close();
    source = undefined;
    live.status = undefined;
    live.why = "nobody is logged in";
  } else if (source === undefined) {
    open();
  }
}
