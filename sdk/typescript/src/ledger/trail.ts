import type { Span } from "../gen/portcullis/v1/pulse_pb.js";
import { concat, type Digest, digestIn, digestOf, fromHex, uint64, utf8 } from "../wire/bytes.js";
import type { Message } from "./parse.js";

const domain = utf8("portcullis/ledger-leaf/v1\0");
const MAX_SPAN = 1n << 15n; // positions that one span can cover

/** What was found at the newest consecutive positions, noise too. */
export class Trail {
  private from = 0n;
  private leaves: Digest[] = [];

  add(m: Message): void {
    if (m.sequence !== this.from + BigInt(this.leaves.length)) {
      this.from = m.sequence;
      this.leaves = [];
    }
    const subject = utf8(m.subject);
    const size = uint64(BigInt(subject.length));
    this.leaves.push(digestOf(concat(domain, uint64(m.sequence), uint64(m.time), size, subject, m.data)));
  }

  /** Why a span that a sentinel names in its pulse at a position is not what stands here; "" if it is, or was not all read here. */
  fault(at: bigint, span: Span | undefined): string {
    if (span === undefined) return "";
    const { from, to } = span;
    if (to >= at || from > to || to - from >= MAX_SPAN) return `it names positions ${from} to ${to} in a pulse at ${at}`;
    if (from < this.from || to >= this.from + BigInt(this.leaves.length)) return "";
    const leaves = this.leaves.slice(Number(from - this.from), Number(to - this.from) + 1);
    const found = digestOf(concat(...leaves.map(fromHex)));
    return found === digestIn(span.digest) ? "" : `it read another ledger at positions ${from} to ${to}`;
  }
}
