/**
 * `-w plain`: what etcdctl calls "simple". Keys and values are written as the bytes they are, one on each line, so that
 * they can be piped.
 */
import type {
  ByteString,
  DeleteRangeResult,
  KeyValue,
  PutResult,
  RangeResult,
  TxnResult,
  WatchEvent,
} from "../../wire/kv.ts";

export interface PlainOptions {
  /** Write keys and values as `\x66\x6f`. */
  readonly hex: boolean;
  readonly valuesOnly: boolean;
  readonly keysOnly: boolean;
  readonly countOnly: boolean;
}

export const plainDefaults: PlainOptions = { hex: false, valuesOnly: false, keysOnly: false, countOnly: false };

/** Output is a byte string, because keys and values are any bytes. Every result ends in a line break, or is empty. */
export type Plain = ByteString;

export function hexEscaped(bytes: ByteString): string {
  return Array.from(bytes, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`).join("");
}

export function keyValuePlain(kv: KeyValue, options: PlainOptions): Plain {
  const show = options.hex ? hexEscaped : (bytes: ByteString) => bytes;
  if (options.valuesOnly) return `${show(kv.value)}\n`;
  if (options.keysOnly) return `${show(kv.key)}\n`;
  return `${show(kv.key)}\n${show(kv.value)}\n`;
}

export function rangePlain(result: RangeResult, options: PlainOptions): Plain {
  if (options.countOnly) return `${result.count}\n`;
  return result.kvs.map((kv) => keyValuePlain(kv, options)).join("");
}

export function putPlain(result: PutResult, options: PlainOptions): Plain {
  return `OK\n${result.prevKv === null ? "" : keyValuePlain(result.prevKv, options)}`;
}

export function deletePlain(result: DeleteRangeResult, options: PlainOptions): Plain {
  return `${result.deleted}\n${result.prevKvs.map((kv) => keyValuePlain(kv, options)).join("")}`;
}

/** `each`: how the operations that were carried out asked to be shown, in order. */
export function txnPlain(result: TxnResult, each: readonly PlainOptions[]): Plain {
  const parts = result.responses.map((op, index) => {
    const options = each[index] ?? plainDefaults;
    switch (op.type) {
      case "range":
        return `\n${rangePlain(op.result, options)}`;
      case "put":
        return `\n${putPlain(op.result, options)}`;
      case "deleteRange":
        return `\n${deletePlain(op.result, options)}`;
      case "txn":
        return `\n${txnPlain(op.result, [])}`;
    }
  });
  return `${result.succeeded ? "SUCCESS" : "FAILURE"}\n${parts.join("")}`;
}

export function eventPlain(event: WatchEvent, options: PlainOptions): Plain {
  const previous = event.prevKv === null ? "" : keyValuePlain(event.prevKv, options);
  return `${event.type.toUpperCase()}\n${previous}${keyValuePlain(event.kv, options)}`;
}
