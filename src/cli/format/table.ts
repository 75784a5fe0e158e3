/** `-w table`: for people. Keys and values are shown as text; what cannot be shown is escaped, never sent to the screen. */
import Table from "cli-table3";
import type {
  ByteString,
  DeleteRangeResult,
  KeyValue,
  PutResult,
  RangeResult,
  TxnResult,
  WatchEvent,
} from "../../wire/kv.ts";
import { hexEscaped, type PlainOptions, plainDefaults } from "./plain.ts";

/** A bordered table without colours. Cells must be free of control characters: see `printable`. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const made = new Table({ head: [...head], style: { head: [], border: [] } });
  made.push(...rows.map((row) => [...row]));
  return `${made.toString()}\n`;
}

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** UTF-8 text with control characters as `\xNN`; bytes that are no UTF-8 are escaped as a whole. */
export function printable(bytes: ByteString): string {
  let text: string;
  try {
    text = strictUtf8.decode(Buffer.from(bytes, "latin1"));
  } catch {
    return hexEscaped(bytes);
  }
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (char) =>
    hexEscaped(Buffer.from(char, "utf8").toString("latin1")),
  );
}

export function hexId(id: bigint): string {
  return BigInt.asUintN(64, id).toString(16);
}

const keyValueHead = ["KEY", "VALUE", "CREATED", "MODIFIED", "VERSION", "LEASE"];

function keyValueRow(kv: KeyValue, options: PlainOptions): string[] {
  const show = options.hex ? hexEscaped : printable;
  return [
    show(kv.key),
    options.keysOnly ? "" : show(kv.value),
    String(kv.createRevision),
    String(kv.modRevision),
    String(kv.version),
    kv.lease === 0n ? "" : hexId(kv.lease),
  ];
}

export function rangeTable(result: RangeResult, options: PlainOptions): string {
  if (options.countOnly) return table(["COUNT"], [[String(result.count)]]);
  return table(
    keyValueHead,
    result.kvs.map((kv) => keyValueRow(kv, options)),
  );
}

export function putTable(revision: number, result: PutResult, options: PlainOptions): string {
  const done = table(["RESULT", "REVISION"], [["OK", String(revision)]]);
  return result.prevKv === null ? done : done + table(keyValueHead, [keyValueRow(result.prevKv, options)]);
}

export function deleteTable(revision: number, result: DeleteRangeResult, options: PlainOptions): string {
  const done = table(["DELETED", "REVISION"], [[String(result.deleted), String(revision)]]);
  if (result.prevKvs.length === 0) return done;
  return (
    done +
    table(
      keyValueHead,
      result.prevKvs.map((kv) => keyValueRow(kv, options)),
    )
  );
}

export function txnTable(revision: number, result: TxnResult, each: readonly PlainOptions[]): string {
  const parts = result.responses.map((op, index) => {
    const options = each[index] ?? plainDefaults;
    switch (op.type) {
      case "range":
        return rangeTable(op.result, options);
      case "put":
        return putTable(op.revision, op.result, options);
      case "deleteRange":
        return deleteTable(op.revision, op.result, options);
      case "txn":
        return txnTable(op.revision, op.result, []);
    }
  });
  return table(["RESULT", "REVISION"], [[result.succeeded ? "SUCCESS" : "FAILURE", String(revision)]]) + parts.join("");
}

export function eventTable(events: readonly WatchEvent[], options: PlainOptions): string {
  return table(
    ["EVENT", ...keyValueHead],
    events.map((event) => [event.type.toUpperCase(), ...keyValueRow(event.kv, options)]),
  );
}
