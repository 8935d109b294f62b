import { clock } from "../../lib/clock.svelte";

const every = 2000;

/** What is asked for again and again while somebody looks, when the newest answer came, and why there is none newer. */
export class Polled<T> {
  value = $state.raw<T>();
  received = $state(0); // on the page's clock
  error = $state.raw<unknown>();

  /** Milliseconds since the newest answer came; Infinity if none did. */
  get age(): number {
    return this.value === undefined ? Infinity : Math.max(0, clock.now - this.received);
  }

  /** Begins to ask; the result ends it. */
  poll(ask: (signal: AbortSignal) => Promise<T>): () => void {
    const stop = new AbortController();
    void this.again(ask, stop.signal);
    return () => stop.abort();
  }

  private async again(ask: (signal: AbortSignal) => Promise<T>, stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      try {
        const value = await ask(AbortSignal.any([stop, AbortSignal.timeout(5 * every)]));
        if (stop.aborted) return;
        this.value = value;
        this.received = performance.now();
        this.error = undefined;
      } catch (err) {
        if (stop.aborted) return;
        this.error = err;
      }
      await new Promise((resolve) => setTimeout(resolve, every));
    }
  }
}
