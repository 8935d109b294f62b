import type { State, Told } from "./types";

/** The demo as the server tells it, from its beginning, whenever one looks. */
export class Tale {
  state = $state.raw<State>(); // undefined: not known
  events = $state.raw<Told[]>([]);
  gone = $state(false); // the server does not answer
  private source: EventSource | undefined;
  private retry: ReturnType<typeof setTimeout> | undefined;

  listen(): () => void {
    this.open();
    return () => {
      clearTimeout(this.retry);
      this.source?.close();
    };
  }

  private open(): void {
    this.source?.close();
    const source = (this.source = new EventSource("/api/v1/demo/events"));
    let fresh: Told[] = []; // each connection tells it from the beginning
    let fill = 0;
    let named: string | undefined;
    source.addEventListener("open", () => {
      fresh = [];
      named = undefined;
      this.gone = false;
    });
    source.addEventListener("state", (event) => {
      const state = JSON.parse((event as MessageEvent<string>).data) as State;
      if (state.demo !== this.state?.demo) this.events = [];
      if (state.demo !== named) {
        fresh = [];
        fill = state.events;
      }
      named = state.demo;
      this.state = state;
    });
    source.addEventListener("told", (event) => {
      fresh.push(JSON.parse((event as MessageEvent<string>).data) as Told);
      // What was told before this connection is shown at once, not again from its beginning.
      if (fresh.length >= Math.max(fill, this.events.length)) this.events = [...fresh];
    });
    source.addEventListener("error", () => {
      this.gone = true;
      this.state = undefined;
      if (source.readyState === EventSource.CLOSED) this.retry = setTimeout(() => this.open(), 1000);
    });
  }
}
