import { type DescMessage, fromBinary, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { reflect, type ReflectMessage } from "@bufbuild/protobuf/reflect";
import { createValidator } from "@bufbuild/protovalidate";

import { checkWire } from "./strict.js";

const validator = createValidator({ failFast: true });

/** Bytes that are no record of the protocol, or break a rule of its schema. */
export class RecordError extends Error {
  override name = "RecordError";
}

/**
 * Reads a record as strictly as every other part of the protocol does: at most
 * so many bytes, no unknown field at any depth, every rule of the schema
 * (protovalidate) kept, every time and duration in protobuf's range. Throws a
 * RecordError.
 */
export function decode<D extends DescMessage>(schema: D, data: Uint8Array, limit: number): MessageShape<D> {
  const message = decodeUnchecked(schema, data, limit);
  validate(schema, message);
  return message;
}

/** decode without the schema's rules, for callers that check the few rules of a small message by hand. */
export function decodeUnchecked<D extends DescMessage>(schema: D, data: Uint8Array, limit: number): MessageShape<D> {
  if (data.length > limit) {
    throw new RecordError(`${schema.name} has ${data.length} bytes, at most ${limit} are accepted`);
  }
  return parse(schema, data);
}

/** decode, for readers to whom anything else is no record: undefined. */
export function tryDecode<D extends DescMessage>(schema: D, data: Uint8Array, limit: number): MessageShape<D> | undefined {
  try {
    return decode(schema, data, limit);
  } catch (err) {
    if (err instanceof RecordError) return undefined;
    throw err;
  }
}

/** Serializes a record that was made here, after the same rules. The bytes are those that Go writes. */
export function encode<D extends DescMessage>(schema: D, message: MessageShape<D>): Uint8Array {
  validate(schema, message);
  return toBinary(schema, message);
}

function parse<D extends DescMessage>(schema: D, data: Uint8Array): MessageShape<D> {
  try {
    checkWire(schema, data);
    return fromBinary(schema, data);
  } catch (err) {
    throw new RecordError(`${schema.name}: malformed: ${text(err)}`, { cause: err });
  }
}

function validate<D extends DescMessage>(schema: D, message: MessageShape<D>): void {
  const result = validator.validate(schema, message);
  if (result.kind !== "valid") throw new RecordError(`${schema.name}: ${text(result.error)}`, { cause: result.error });
  checkValues(reflect(schema, message));
}

/** Times out of protobuf's range would be other times to somebody else, and half a character (a lone surrogate) another text. */
function checkValues(part: ReflectMessage): void {
  if (part.desc.typeName === "google.protobuf.Timestamp") checkSeconds(part, -62135596800n, 253402300799n, false);
  if (part.desc.typeName === "google.protobuf.Duration") checkSeconds(part, -315576000000n, 315576000000n, true);
  for (const field of part.desc.fields) {
    if (!part.isSet(field)) continue;
    const values: unknown[] = field.fieldKind === "list" ? [...part.get(field)] : [part.get(field)];
    for (const one of values) {
      if (field.message !== undefined) checkValues(one as ReflectMessage);
      if (typeof one === "string" && !one.isWellFormed()) throw new RecordError(`${part.desc.name}.${field.name}: half a character (a lone surrogate) stands in it; write it again`);
    }
  }
}

function checkSeconds(part: ReflectMessage, least: bigint, most: bigint, signed: boolean): void {
  const { seconds, nanos } = part.message as unknown as { seconds: bigint; nanos: number };
  const low = signed ? -999_999_999 : 0;
  const oneSign = !(seconds > 0n && nanos < 0) && !(seconds < 0n && signed && nanos > 0);
  if (seconds < least || seconds > most || nanos < low || nanos > 999_999_999 || !oneSign) {
    throw new RecordError(`${part.desc.name} of ${seconds} s and ${nanos} ns is out of range`);
  }
}

function text(err: unknown): string {
  return err instanceof Error ? err.message : String(err);
}
