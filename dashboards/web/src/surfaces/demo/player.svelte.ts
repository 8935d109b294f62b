import type { State, Told } from "./types";

/** Milliseconds for one unit of reading. */
export const paces = [
  { name: "to read along", ms: 1100 },
  { name: "slowly", ms: 2200 },
  { name: "quickly", ms: 350 },
  { name: "as it happens", ms: 0 },
] as const;

/** How many units each thing wants to be looked at. */
const units = { outline: 0, begins: 5, record: 1.5, over: 4 } as const;

const kept = "portcullis.demo";
interface Kept { demo: string; shown: number; paused: boolean }

/**
 * Shows what was told at the pace at which people read; the story itself is faster. Where somebody was is kept for
 * as long as the tab lives, so that a page that is loaded again goes on there.
 */
export class Player {
  shown = $state(0);
  paused = $state(false);
  pace = $state<number>(paces[0].ms);
  private demo: string | undefined;

  /** Takes up another demo. One that is over, and that this tab has not watched, is shown whole. */
  meet(state: State): void {
    if (state.demo === undefined || state.demo === this.demo) return;
    const first = this.demo === undefined;
    this.demo = state.demo;
    const before = recall();
    this.paused = before?.demo === state.demo && before.paused;
    if (before?.demo === state.demo) this.shown = before.shown;
    else this.shown = first && state.state !== "running" ? Infinity : 0;
  }

  /** Waits as long as the last thing shown wants to be read, and shows the next. */
  next(events: readonly Told[]): () => void {
    this.keep();
    if (this.shown > events.length && this.shown !== Infinity) return () => undefined;
    if (this.paused || this.shown >= events.length) return () => undefined;
    const last = events[this.shown - 1];
    const timer = setTimeout(() => (this.shown += 1), last === undefined ? 0 : units[last.event] * this.pace);
    return () => clearTimeout(timer);
  }

  /** Pauses, and shows one thing more. */
  step(of: number): void {
    this.paused = true;
    this.shown = Math.min(of, this.shown + 1);
  }

  replay(): void {
    this.shown = 0;
    this.paused = false;
  }

  private keep(): void {
    if (this.demo === undefined || this.shown === Infinity) return;
    const now: Kept = { demo: this.demo, shown: this.shown, paused: this.paused };
    try {
      sessionStorage.setItem(kept, JSON.stringify(now));
    } catch {
      // A browser that keeps nothing begins anew.
    }
  }
}

function recall(): Kept | undefined {
  try {
    const found = JSON.parse(sessionStorage.getItem(kept) ?? "null") as Partial<Kept> | null;
    if (typeof found?.demo !== "string" || typeof found.shown !== "number" || found.shown < 0) return undefined;
    return { demo: found.demo, shown: found.shown, paused: found.paused === true };
  } catch {
    return undefined;
  }
}
