/** One element of DER (X.690): its tag, its content, and itself with its header. */
export interface Element {
  tag: number;
  content: Uint8Array;
  whole: Uint8Array;
}

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** Reads elements one after the other. It knows definite lengths and tags of one byte, which is all that certificates have. */
export class Reader {
  private at = 0;

  constructor(private readonly data: Uint8Array) {}

  done(): boolean {
    return this.at === this.data.length;
  }

  /** The next element's tag; -1 at the end. */
  peek(): number {
    return this.data[this.at] ?? -1;
  }

  /** The next element. Throws if its length is not in its one spelling or goes beyond the end. */
  next(): Element {
    const from = this.at;
    const tag = this.byte();
    if ((tag & 0x1f) === 0x1f) throw new Error("DER: a tag of several bytes");
    const size = this.length();
    if (size > this.data.length - this.at) throw new Error("DER: the bytes end inside an element");
    const content = this.data.subarray(this.at, this.at + size);
    this.at += size;
    return { tag, content, whole: this.data.subarray(from, this.at) };
  }

  /** The next element, which must have this tag. */
  expect(tag: number): Element {
    const element = this.next();
    if (element.tag !== tag) throw new Error(`DER: tag 0x${element.tag.toString(16)} where 0x${tag.toString(16)} must stand`);
    return element;
  }

  /** A reader of the next element's content, which must have this tag. */
  enter(tag: number): Reader {
    return new Reader(this.expect(tag).content);
  }

  /** Throws if anything is left. */
  end(): void {
    if (!this.done()) throw new Error("DER: bytes left over");
  }

  private byte(): number {
    const b = this.data[this.at++];
    if (b === undefined) throw new Error("DER: the bytes end inside an element");
    return b;
  }

  private length(): number {
    const first = this.byte();
    if (first < 0x80) return first;
    const count = first & 0x7f;
    if (count === 0 || count > 3) throw new Error("DER: a length that no certificate has");
    let size = 0;
    for (let i = 0; i < count; i++) size = size * 256 + this.byte();
    if (size < 0x80 || size < 256 ** (count - 1)) throw new Error("DER: a length that is not in its one spelling");
    return size;
  }
}

/** An object identifier as its dotted text. */
export function oidText(content: Uint8Array): string {
  const arcs: number[] = [];
  let arc = 0;
  for (const b of content) {
    arc = arc * 128 + (b & 127);
    if (b < 128) {
      arcs.push(arc);
      arc = 0;
    }
  }
  const first = arcs.shift() ?? 0;
  const root = Math.min(2, Math.floor(first / 40));
  return [root, first - 40 * root, ...arcs].join(".");
}

/** The content of a BIT STRING of whole bytes. */
export function wholeBits(content: Uint8Array): Uint8Array {
  if (content[0] !== 0) throw new Error("DER: a bit string that is not of whole bytes");
  return content.subarray(1);
}
