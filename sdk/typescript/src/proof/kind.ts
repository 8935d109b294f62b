import { Status } from "../gen/portcullis/v1/claim_pb.js";

/** What a file claims about its intent. */
export type Kind = (typeof KINDS)[number];

export const KINDS = ["executed", "failed", "interrupted", "abandoned", "indeterminate", "claimed", "void", "denied", "evaluated", "expired"] as const;

const ofStatus: ReadonlyMap<Status, Kind> = new Map([
  [Status.EXECUTED, "executed"],
  [Status.FAILED, "failed"],
  [Status.INTERRUPTED, "interrupted"],
  [Status.ABANDONED, "abandoned"],
  [Status.INDETERMINATE, "indeterminate"],
]);

export function isKind(text: string): text is Kind {
  return (KINDS as readonly string[]).includes(text);
}

/** The kind of a claim with an outcome of this status. */
export function kindOf(status: Status): Kind | undefined {
  return ofStatus.get(status);
}

/** Whether the kind is that of a claim with its outcome. */
export function concluded(k: Kind): boolean {
  return [...ofStatus.values()].includes(k);
}

/** Whether the kind is about one claim. */
export function ofClaim(k: Kind): boolean {
  return concluded(k) || k === "claimed" || k === "void";
}
