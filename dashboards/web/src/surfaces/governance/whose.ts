import { type Digest, fromBase64, toHex } from "$sdk/wire/bytes";
import type { Governor } from "./sign/record";

/** Whose a key is among the governors in force; undefined while those are not known. */
export function ownerAmong(key: Digest, governors: Governor[] | undefined): { good: boolean; text: string } | undefined {
  if (governors === undefined) return undefined;
  const owner = governors.find((g) => g.key === key);
  if (owner === undefined) return { good: false, text: "no governor's by the release in force" };
  if (owner.revoked) return { good: false, text: `${owner.name}'s, and revoked` };
  return { good: true, text: `governor ${owner.name}'s` };
}

/** Base64 as hexadecimal, for people. */
export function hexOf(base64: string): string {
  return toHex(fromBase64(base64));
}
