import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";

import { fromUTF8 } from "./bytes.js";

const VARINT = 0;
const BYTES = 2;

/**
 * Refuses bytes that a lenient protobuf reader would take: an unknown field at
 * any depth, a known one of another wire type, a varint of more than 64 bits, a
 * text that is not UTF-8. The protocol has no fixed-width field and no group, so
 * those are unknown fields too.
 */
export function checkWire(message: DescMessage, data: Uint8Array): void {
  const cursor = new Cursor(data);
  while (!cursor.done()) {
    const tag = cursor.varint();
    const field = fieldOf(message, tag >> 3n);
    const wire = Number(tag & 7n);
    if (field === undefined) throw new Error(`${message.name} has an unknown field ${tag >> 3n}`);
    if (wire === VARINT && isVarint(field)) cursor.varint();
    else if (wire === BYTES) checkBytes(message, field, cursor.bytes());
    else throw new Error(`${message.name}.${field.name} has wire type ${wire}`);
  }
}

function checkBytes(message: DescMessage, field: DescField, value: Uint8Array): void {
  if (field.message !== undefined) {
    checkWire(field.message, value);
  } else if (field.scalar === ScalarType.STRING) {
    fromUTF8(value);
  } else if (field.scalar !== ScalarType.BYTES) {
    if (field.fieldKind !== "list") throw new Error(`${message.name}.${field.name} has wire type ${BYTES}`);
    const packed = new Cursor(value);
    while (!packed.done()) packed.varint();
  }
}

function isVarint(field: DescField): boolean {
  return field.message === undefined && field.scalar !== ScalarType.STRING && field.scalar !== ScalarType.BYTES;
}

const fields = new WeakMap<DescMessage, Map<bigint, DescField>>();

function fieldOf(message: DescMessage, number: bigint): DescField | undefined {
  let known = fields.get(message);
  if (known === undefined) {
    known = new Map(message.fields.map((f) => [BigInt(f.number), f] as const));
    fields.set(message, known);
  }
  return known.get(number);
}

class Cursor {
  private at = 0;

  constructor(private readonly data: Uint8Array) {}

  done(): boolean {
    return this.at === this.data.length;
  }

  varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const b = this.data[this.at++];
      if (b === undefined) throw new Error("the bytes end inside a number");
      value |= BigInt(b & 127) << shift;
      if (b < 128) {
        if (value >> 64n !== 0n) break;
        return value;
      }
    }
    throw new Error("a number of more than 64 bits");
  }

  bytes(): Uint8Array {
    const size = this.varint();
    if (size > BigInt(this.data.length - this.at)) throw new Error("the bytes end inside a field");
    const from = this.at;
    this.at += Number(size);
    return this.data.subarray(from, this.at);
  }
}
