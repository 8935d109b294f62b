import type { Head } from "../gen/portcullis/v1/envelope_pb.js";
import { concat, type Digest, digestIn, digestOf, fromHex, uint64, utf8, ZERO_DIGEST } from "../wire/bytes.js";

const domain = utf8("portcullis/governance-head/v1\0");

/** The folded chain of governance heads: head n is a digest over every record that took effect, and its position. */
export class Chain {
  private readonly heads: Digest[] = [];

  /** How many records have taken effect: the epoch. */
  get number(): bigint {
    return BigInt(this.heads.length);
  }

  /** The record with this payload took effect at this position. */
  append(sequence: bigint, payload: Digest): void {
    const before = this.heads.at(-1) ?? ZERO_DIGEST;
    const number = this.number + 1n;
    this.heads.push(digestOf(concat(domain, fromHex(before), uint64(number), uint64(sequence), fromHex(payload))));
  }

  /** Why a head that somebody names is not on this chain; "" if it is. */
  fault(named: Head | undefined): string {
    const number = named?.number ?? 0n;
    if (number > this.number) return `a head beyond this position's chain is named (${number}, folded ${this.number}); records were withheld`;
    const digest = this.heads[Number(number) - 1];
    if (digest === undefined || digest !== digestIn(named?.digest ?? new Uint8Array())) return `another digest at head ${number}`;
    return "";
  }
}
