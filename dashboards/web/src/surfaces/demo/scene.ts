import { texts, type Check } from "./texts";
import type { Heading, Line, Over, Told } from "./types";

/** A step as far as it has been shown. */
export interface Step extends Heading {
  is: "to come" | "playing" | "over";
  lines: Line[];
  over?: Over;
}

/** The stations of the path, in order. */
export const stations = ["agent", "ledger", "enforcers", "ledger again", "executor", "outcome"] as const;

/** Where the token stands: at a station, or held in front of a check. */
export interface Moment {
  key: number; // of the event
  lane: "agent" | "attacker";
  station: number; // 0 to 5
  held?: Check;
  mark: "" | "✓" | "✕";
  label: string; // on the token
  words: string; // for people who listen
}

export interface Scene {
  steps: Step[];
  now?: Step;
  moment?: Moment;
}

/** What is to be seen after the first so many events. It is a function of them alone. */
export function sceneOf(events: readonly Told[], shown: number): Scene {
  const scene: Scene = { steps: [] };
  for (const [i, e] of events.slice(0, shown).entries()) {
    if (e.event === "outline") {
      scene.steps = e.steps.map(({ step, title }) => ({ step, title, is: "to come", lines: [] }));
      continue;
    }
    const step = scene.steps.find((s) => s.step === e.step);
    if (step === undefined) continue;
    take(scene, step, e, i);
  }
  return scene;
}

function take(scene: Scene, step: Step, e: Exclude<Told, { event: "outline" }>, key: number): void {
  const lane = texts[step.step]?.lane ?? "agent";
  switch (e.event) {
    case "begins":
      step.is = "playing";
      scene.now = step;
      scene.moment = { key, lane, station: 0, mark: "", label: lane === "agent" ? "asks" : "tries", words: `Step ${step.step}: ${step.title}.` };
      return;
    case "record":
      step.lines.push(...e.lines);
      for (const line of e.lines) scene.moment = { key, lane, ...ofLine(line), words: `${line.kind} at ${line.position}: ${line.text}` };
      return;
    case "over":
      step.is = "over";
      step.over = e;
      scene.moment = { key, lane, ...ofEnd(e), words: `Step ${step.step} is over: ${e.result.toLowerCase()}, ${e.check}. In the world: ${e.world}.` };
  }
}

type Place = Pick<Moment, "station" | "held" | "mark" | "label">;

/** Where a record on the ledger leads. */
function ofLine(line: Line): Place {
  switch (line.kind) {
    case "intent":
      return { station: 1, mark: "", label: "intent" };
    case "noise":
      return { station: 1, held: "reading", mark: "✕", label: "noise" };
    case "decision":
      if (line.decision?.verdict === "ALLOW") return { station: 3, mark: "✓", label: "ALLOW" };
      return { station: 2, held: "verdict", mark: "✕", label: "DENY" };
    case "claim":
      if (line.claim?.valid === true) return { station: 4, mark: "✓", label: "claim" };
      return { station: 3, held: "claim", mark: "✕", label: "void" };
    default:
      return { station: 5, mark: line.outcome?.status === "EXECUTED" ? "✓" : "✕", label: "outcome" };
  }
}

/** The codes of the reasons that a record gives or was given. */
export function reasonsOf(line: Line): string[] {
  const given = line.decision?.reasons ?? [line.claim?.void, line.noise?.reason];
  return given.filter((code) => code !== undefined && code !== "") as string[];
}

/** Which check stopped what was tried; undefined if nothing did. */
export function stoppedAt(over: Over): Check | undefined {
  switch (over.result) {
    case "REFUSED":
      return "broker";
    case "NOISE":
      return "reading";
    case "DENY":
    case "IGNORED":
      return "verdict";
    case "VOID":
    case "NOT EXECUTED":
      return "claim";
    default:
      return undefined;
  }
}

const heldAt: Record<Check, number> = { broker: 0, reading: 1, verdict: 2, claim: 3 };

function ofEnd(over: Over): Place {
  const held = stoppedAt(over);
  const label = over.result.toLowerCase();
  if (held === undefined) return { station: 5, mark: over.result === "EXECUTED" ? "✓" : "✕", label };
  return { station: heldAt[held], held, mark: "✕", label };
}
