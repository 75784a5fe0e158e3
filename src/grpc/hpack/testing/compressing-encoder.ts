/** An encoder that uses all of HPACK, as a client's may: each way to write a field is the test's choice. */
import { DynamicTable } from "../dynamic-table.ts";
import { writeInteger } from "../encoder.ts";
import { Field } from "../field.ts";
import { huffmanCodes } from "../huffman.ts";
import { FIRST_DYNAMIC_INDEX, STATIC_TABLE } from "../static-table.ts";

/** How a field that stands in no table is written (RFC 7541 §6.2). */
export type Literal = "incremental" | "plain" | "never";

const PREFIX: Readonly<Record<Literal, readonly [first: number, bits: number]>> = {
  incremental: [0x40, 6],
  plain: [0x00, 4],
  never: [0x10, 4],
};

const codes = huffmanCodes();

export class CompressingEncoder {
  readonly #table: DynamicTable;

  constructor(capacity = 4096) {
    this.#table = new DynamicTable(capacity);
  }

  /** The bytes that change the size of the table; they belong in front of a block. */
  resize(size: number): number[] {
    const bytes: number[] = [];
    writeInteger(bytes, 0x20, 5, size);
    this.#table.resize(size);
    return bytes;
  }

  /** One field, by index if it stands in a table. */
  field(name: string, value: string, literal: Literal = "incremental", huffman = true): number[] {
    const bytes: number[] = [];
    const whole = this.#find((field) => field.name === name && field.value === value);
    if (whole !== null) {
      writeInteger(bytes, 0x80, 7, whole);
      return bytes;
    }
    const index = this.#find((field) => field.name === name);
    writeInteger(bytes, PREFIX[literal][0], PREFIX[literal][1], index ?? 0);
    if (index === null) writeString(bytes, name, huffman);
    writeString(bytes, value, huffman);
    if (literal === "incremental") this.#table.add(new Field(name, value));
    return bytes;
  }

  block(fields: readonly (readonly [string, string])[]): Uint8Array {
    return Uint8Array.from(fields.flatMap(([name, value]) => this.field(name, value)));
  }

  #find(matches: (field: Field) => boolean): number | null {
    for (let index = 1; ; index++) {
      const age = index - FIRST_DYNAMIC_INDEX;
      const field = age < 0 ? STATIC_TABLE[index] : this.#table.get(age);
      if (field === undefined) return null;
      if (matches(field)) return index;
    }
  }
}

function writeString(bytes: number[], text: string, huffman: boolean): void {
  const octets = Array.from(text, (character) => character.charCodeAt(0));
  const content = huffman ? huffmanEncode(octets) : octets;
  writeInteger(bytes, huffman ? 0x80 : 0, 7, content.length);
  bytes.push(...content);
}

export function huffmanEncode(octets: readonly number[]): number[] {
  let bits = octets.map((octet) => {
    const code = codes[octet];
    if (code === undefined) throw new Error(`${octet} is no octet`);
    return code.bits.toString(2).padStart(code.length, "0");
  });
  const length = bits.reduce((sum, code) => sum + code.length, 0);
  bits = [...bits, "1".repeat((8 - (length % 8)) % 8)];
  return (bits.join("").match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2));
}
