/**
 * Writes header blocks that need no memory: indexes of the static table and plain literals, nothing that the reader
 * has to keep (RFC 7541 §6.1, §6.2.2). Answers are so few and so alike that they are written once and sent for ever.
 */
import { STATIC_TABLE } from "./static-table.ts";

const INDEXED = 0x80;
const LITERAL = 0x00;

/** The block of these fields. Names in lower case, values with one character per byte. */
export function encodeBlock(fields: readonly (readonly [name: string, value: string])[]): Uint8Array {
  const bytes: number[] = [];
  for (const [name, value] of fields) {
    const whole = STATIC_TABLE.findIndex((field) => field?.name === name && field.value === value);
    if (whole > 0) {
      writeInteger(bytes, INDEXED, 7, whole);
      continue;
    }
    const index = STATIC_TABLE.findIndex((field) => field?.name === name);
    writeInteger(bytes, LITERAL, 4, Math.max(0, index));
    if (index < 0) writeString(bytes, name);
    writeString(bytes, value);
  }
  return Uint8Array.from(bytes);
}

/** Appends a number behind the `8 - prefixBits` bits of `first` (RFC 7541 §5.1). */
export function writeInteger(bytes: number[], first: number, prefixBits: number, value: number): void {
  const most = (1 << prefixBits) - 1;
  if (value < most) {
    bytes.push(first | value);
    return;
  }
  bytes.push(first | most);
  let rest = value - most;
  for (; rest >= 0x80; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  bytes.push(rest);
}

function writeString(bytes: number[], text: string): void {
  writeInteger(bytes, 0, 7, text.length);
  for (let i = 0; i < text.length; i++) bytes.push(text.charCodeAt(i));
}
