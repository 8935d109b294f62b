import { Reason } from "../gen/portcullis/v1/reason_pb.js";

/** The dotted spelling of a reason, for example "session.gap": what records show to people and programs (docs/reasons.md). */
export function reasonCode(r: Reason): string {
  return (Reason[r] ?? String(r)).toLowerCase().replace("_", ".");
}
