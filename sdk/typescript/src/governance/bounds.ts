import type { Bounds as Proto } from "../gen/portcullis/v1/release_pb.js";
import { MAX_ITEMS, MAX_PAYLOAD } from "../wire/limits.js";
import { type Nanos, nanosOf } from "../wire/time.js";

const SECOND = 1_000_000_000n;
const MINUTE = 60n * SECOND;
const DAY = 1440n * MINUTE;

/** What a verifier needs of a release's bounds. */
export interface Bounds {
  memory: Nanos;
  maxDeadline: Nanos;
  pulseLimit: Nanos;
  maxClockSkew: Nanos;
  maxListItems: number;
  maxListBytes: number;
}

/** Reads a release's bounds; throws if one is not within its own. */
export function boundsOf(b: Proto | undefined): Bounds {
  const memory = nanosOf(b?.memory);
  const pulseLimit = nanosOf(b?.pulseLimit);
  const spans: [string, Nanos, Nanos][] = [
    ["memory", memory, 30n * DAY],
    ["max_deadline", nanosOf(b?.maxDeadline), memory],
    ["start", nanosOf(b?.start), MINUTE],
    ["pulse_limit", pulseLimit, MINUTE],
    ["pulse_interval", nanosOf(b?.pulseInterval), pulseLimit / 2n],
    ["max_clock_skew", nanosOf(b?.maxClockSkew), MINUTE],
    ["hedge", nanosOf(b?.hedge), MINUTE],
    ["heartbeat_interval", nanosOf(b?.heartbeatInterval), MINUTE],
  ];
  for (const [name, value, most] of spans) {
    if (value <= 0n || value > most) throw new Error(`bounds.${name} is ${value} ns; it must be positive and at most ${most} ns`);
  }
  return {
    memory, pulseLimit, maxDeadline: nanosOf(b?.maxDeadline), maxClockSkew: nanosOf(b?.maxClockSkew),
    maxListItems: lowered(b?.maxListItems ?? 0, MAX_ITEMS),
    maxListBytes: lowered(b?.maxListBytes ?? 0, MAX_PAYLOAD),
  };
}

/** The protocol's limit, or the release's lower one. */
function lowered(asked: number, most: number): number {
  return asked === 0 ? most : Math.min(asked, most);
}
