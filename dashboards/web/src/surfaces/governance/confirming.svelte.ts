/** How one executor confirms a record. Times are milliseconds since the ledger acknowledged it. */
export interface Confirmation {
  executor: string;
  folded_ms: number;
  settled_ms?: number;
  position: number;
  running: number;
  halted_running: number;
  settled: boolean;
  disarmed: string;
  last_start?: { claim: string; before_ms: number };
}

interface Stands {
  position: number;
  id: string;
  stored: string;
  scope: string;
  drill: boolean;
  resume: boolean;
  bound_ms: number;
  executors: string[];
  since_acknowledged: boolean;
}

interface Done {
  settled: boolean;
  after_ms: number;
  bound_ms: number;
  executors: number;
  unconfirmed: { executor: string; why: string }[];
}

/** What is known of a record that the ledger has acknowledged, as it becomes known. */
export class Confirming {
  stands = $state.raw<Stands>();
  done = $state.raw<Done>();
  void_ = $state(""); // it took no effect: why
  lost = $state(""); // nothing more is told at the moment: why
  executors = $state.raw<ReadonlyMap<string, Confirmation>>(new Map());
  private source: EventSource;

  constructor(readonly position: number) {
    this.source = this.listen();
  }

  /** Waits once more for those who have not confirmed. */
  again(): void {
    this.close();
    this.done = undefined;
    this.source = this.listen();
  }

  close(): void {
    this.source.close();
  }

  private listen(): EventSource {
    const source = new EventSource(`/api/v1/governance/records/${this.position}/confirmations`);
    const on = <T>(event: string, take: (told: T) => void): void => {
      source.addEventListener(event, (e) => {
        this.lost = "";
        take(JSON.parse((e as MessageEvent<string>).data) as T);
      });
    };
    on<Stands>("stands", (told) => (this.stands = told));
    on<Confirmation>("executor", (told) => (this.executors = new Map(this.executors).set(told.executor, earliest(told, this.executors.get(told.executor)))));
    on<Done>("done", (told) => {
      this.done = told;
      source.close();
    });
    on<{ why: string }>("void", (told) => {
      this.void_ = told.why;
      source.close();
    });
    on<{ why: string }>("unknown", (told) => (this.lost = told.why)); // the browser asks again
    source.addEventListener("error", () => {
      this.lost = "the console's server does not answer";
      if (source.readyState === EventSource.CLOSED) setTimeout(() => this.source === source && this.again(), 1000);
    });
    return source;
  }
}

/** After a new connection the same is told again, later: what was known first stays. */
function earliest(told: Confirmation, known: Confirmation | undefined): Confirmation {
  if (known === undefined) return told;
  const all = { ...told, folded_ms: Math.min(told.folded_ms, known.folded_ms) };
  if (known.settled_ms !== undefined) all.settled_ms = Math.min(known.settled_ms, told.settled_ms ?? Infinity);
  return all;
}
