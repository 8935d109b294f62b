import type { Duration, Timestamp } from "@bufbuild/protobuf/wkt";

/** A point in time as nanoseconds since the Unix epoch, or a span of them. */
export type Nanos = bigint;

/** Before every time that a record can state. */
export const BEFORE_ALL: Nanos = -62135596800n * 1_000_000_000n;

/** The time of a record; one that is not there is 1970, which is behind every deadline. */
export function nanosOf(t: Timestamp | Duration | undefined): Nanos {
  return t === undefined ? 0n : t.seconds * 1_000_000_000n + BigInt(t.nanos);
}

/** For people: RFC 3339 with as many digits as it needs, UTC. */
export function stamp(t: Nanos): string {
  const seconds = t >= 0n || t % 1_000_000_000n === 0n ? t / 1_000_000_000n : t / 1_000_000_000n - 1n;
  const fraction = (t - seconds * 1_000_000_000n).toString().padStart(9, "0").replace(/0+$/, "");
  const whole = new Date(Number(seconds) * 1000).toISOString().slice(0, -5);
  return whole + (fraction === "" ? "" : "." + fraction) + "Z";
}
