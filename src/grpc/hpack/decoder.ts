/**
 * Reads header blocks (RFC 7541): the memory of one direction of one connection.
 *
 * It promises the fields of a block in their order, and that a block costs a bounded amount of memory: what stands
 * beyond the limit on a list is read, for the table has to stay in step with the peer's, and not kept. It knows
 * nothing of what fields mean.
 */
import { DynamicTable } from "./dynamic-table.ts";
import { Field } from "./field.ts";
import { huffmanDecode } from "./huffman.ts";
import { FIRST_DYNAMIC_INDEX, STATIC_TABLE } from "./static-table.ts";

/** A block that cannot be read. The tables of the two ends are out of step for ever: the connection cannot go on. */
export class HpackError extends Error {
  override readonly name = "HpackError";
}

/** What stands in the first byte of a field's representation (RFC 7541 §6). */
const INDEXED = 0x80;
const INCREMENTAL = 0x40;
const SIZE_UPDATE = 0x20;
/** The first byte of a string: whether it is in Huffman's code. */
const HUFFMAN = 0x80;

/** Larger numbers than any that makes sense are refused before they overflow: 2^28 and above. */
const LONGEST_CONTINUATION = 4;
/** Strings are made from this many characters at once; more could exceed an engine's limit on arguments. */
const CHARACTERS_PER_CALL = 4096;

export class HpackDecoder {
  readonly #table: DynamicTable;
  readonly #capacity: number;
  readonly #maxListSize: number;
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;
  #end = 0;

  /**
   * @param capacity octets of the dynamic table, as announced to the peer
   * @param maxListSize octets of fields that are kept of one block, counted as `Field.size`
   */
  constructor(capacity: number, maxListSize: number) {
    this.#table = new DynamicTable(capacity);
    this.#capacity = capacity;
    this.#maxListSize = maxListSize;
  }

  /** While it stays the same, equal blocks have equal fields. */
  get version(): number {
    return this.#table.version;
  }

  /**
   * The fields of the block from `from` up to `to`; null if they are more than the limit.
   * @throws HpackError if it is no header block.
   */
  decode(bytes: Uint8Array, from: number, to: number): Field[] | null {
    this.#bytes = bytes;
    this.#at = from;
    this.#end = to;
    const fields: Field[] = [];
    let size = 0;
    let mayResize = true;
    while (this.#at < to) {
      const first = bytes[this.#at] ?? 0;
      let field: Field;
      if (first >= INDEXED) {
        field = this.#lookUp(this.#integer(7));
      } else if (first >= INCREMENTAL) {
        field = this.#literal(6);
        this.#table.add(field);
      } else if (first >= SIZE_UPDATE) {
        if (!mayResize) throw new HpackError("a change of the table's size stands behind a field");
        this.#resize();
        continue;
      } else {
        field = this.#literal(4);
      }
      mayResize = false;
      size += field.size;
      if (size <= this.#maxListSize) fields.push(field);
    }
    this.#bytes = EMPTY;
    return size <= this.#maxListSize ? fields : null;
  }

  #lookUp(index: number): Field {
    const field = index < FIRST_DYNAMIC_INDEX ? STATIC_TABLE[index] : this.#table.get(index - FIRST_DYNAMIC_INDEX);
    if (field === undefined) throw new HpackError(`there is no field with index ${index}`);
    return field;
  }

  #resize(): void {
    const size = this.#integer(5);
    if (size > this.#capacity) {
      throw new HpackError(`a table of ${size} octets is asked for, more than the ${this.#capacity} that are offered`);
    }
    this.#table.resize(size);
  }

  #literal(prefixBits: number): Field {
    const index = this.#integer(prefixBits);
    const name = index === 0 ? this.#string() : this.#lookUp(index).name;
    return new Field(name, this.#string());
  }

  /** A number whose first bits are the last `prefixBits` of the next byte (RFC 7541 §5.1). */
  #integer(prefixBits: number): number {
    const most = (1 << prefixBits) - 1;
    const prefix = this.#byte() & most;
    if (prefix < most) return prefix;
    let value = most;
    for (let n = 0; n < LONGEST_CONTINUATION; n++) {
      const byte = this.#byte();
      value += (byte & 0x7f) << (7 * n);
      if (byte < 0x80) return value;
    }
    throw new HpackError("a number of more than 28 bits");
  }

  #byte(): number {
    if (this.#at >= this.#end) throw new HpackError("the block ends within a field");
    return this.#bytes[this.#at++] ?? 0;
  }

  #string(): string {
    const isHuffman = ((this.#bytes[this.#at] ?? 0) & HUFFMAN) !== 0;
    const length = this.#integer(7);
    const start = this.#at;
    const end = start + length;
    if (end > this.#end) throw new HpackError(`a string of ${length} octets where ${this.#end - start} are left`);
    this.#at = end;
    if (!isHuffman) return textOf(this.#bytes, start, end);
    const characters = huffmanDecode(this.#bytes, start, end);
    if (characters === null) throw new HpackError("a string is not in the Huffman code that it says it is in");
    return textOf(characters, 0, characters.length);
  }
}

const EMPTY = new Uint8Array(0);

/** One character for each byte. */
function textOf(bytes: Uint8Array, from: number, to: number): string {
  let text = "";
  for (let at = from; at < to; at += CHARACTERS_PER_CALL) {
    const piece = bytes.subarray(at, Math.min(to, at + CHARACTERS_PER_CALL));
    text += String.fromCharCode.apply(null, piece as unknown as number[]);
  }
  return text;
}
