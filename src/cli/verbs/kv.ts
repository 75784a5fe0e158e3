/** `get`, `put`, `del`, `txn` and `compaction`. */
import type { Command } from "commander";
import { byteString, byteStringOfText } from "../../wire/byte-string.ts";
import type { ByteString } from "../../wire/kv.ts";
import { addClientOptions, wholeNumber, withClient } from "../client-options.ts";
import { usageError } from "../failure.ts";
import { deleteJson, headerJson, putJson, rangeJson, txnJson } from "../format/json.ts";
import { deletePlain, type PlainOptions, plainDefaults, putPlain, rangePlain, txnPlain } from "../format/plain.ts";
import { deleteTable, putTable, rangeTable, table, txnTable } from "../format/table.ts";
import {
  addDeleteOptions,
  addGetOptions,
  addPutOptions,
  type DeleteOptions,
  deleteRequest,
  type GetOptions,
  getDisplay,
  getRequest,
  type PutOptions,
  putRequest,
} from "../requests.ts";
import { readAll, type Terminal } from "../terminal.ts";
import { parseTxn } from "../txn-text.ts";
import { example } from "./example.ts";

function optional(text: string | undefined): ByteString | undefined {
  return text === undefined ? undefined : byteStringOfText(text);
}

export function addGet(program: Command, terminal: Terminal): void {
  const command = addGetOptions(program.command("get").summary("read a key or a range of keys"));
  example(command, "Reads a key, or all keys of a range.", [
    "quorate get greeting",
    "quorate get config/ --prefix --keys-only",
    "quorate get a m --limit 10 --sort-by MODIFY --order DESCEND -w json",
  ]);
  addClientOptions(command).action(async (key: string, end: string | undefined, options: GetOptions) => {
    const request = getRequest(byteStringOfText(key), optional(end), options);
    await withClient(terminal, command, async ({ client, hex, print }) => {
      const { range } = await import("../../wire/methods.ts");
      const { header, result } = await client.call(range, request);
      const display = getDisplay(options, hex);
      print({
        plain: () => rangePlain(result, display),
        table: () => rangeTable(result, display),
        json: () => rangeJson(headerJson(header), result),
      });
    });
  });
}

export function addPut(program: Command, terminal: Terminal): void {
  const command = addPutOptions(program.command("put").summary("write a key"));
  example(command, "Writes a key. A value that begins with - goes behind --.", [
    'quorate put greeting "hello, world"',
    "quorate put session/7 alice --lease 694d8a1c0b2e5f01",
    "quorate put certificate < server.pem",
  ]);
  addClientOptions(command).action(async (key: string, value: string | undefined, options: PutOptions) => {
    const bytes = value ?? (options.ignoreValue === true ? undefined : await valueFromInput(terminal));
    const request = putRequest(
      byteStringOfText(key),
      typeof bytes === "string" ? byteStringOfText(bytes) : (bytes?.value ?? null),
      options,
    );
    await withClient(terminal, command, async ({ client, hex, print }) => {
      const { put } = await import("../../wire/methods.ts");
      const { header, result } = await client.call(put, request);
      const display: PlainOptions = { ...plainDefaults, hex };
      print({
        plain: () => putPlain(result, display),
        table: () => putTable(header.revision, result, display),
        json: () => putJson(headerJson(header), result),
      });
    });
  });
}

/** All of standard input as it is, a last line break included. */
async function valueFromInput(terminal: Terminal): Promise<{ readonly value: ByteString }> {
  const bytes = await readAll(terminal);
  if (bytes.length === 0) {
    throw usageError('put has no value: give it behind the key ("" for an empty one) or on standard input');
  }
  return { value: byteString(bytes) };
}

export function addDel(program: Command, terminal: Terminal): void {
  const command = addDeleteOptions(program.command("del").summary("delete a key or a range of keys"));
  example(command, "Deletes a key, or all keys of a range, and says how many there were.", [
    "quorate del greeting",
    "quorate del config/ --prefix --prev-kv",
  ]);
  addClientOptions(command).action(async (key: string, end: string | undefined, options: DeleteOptions) => {
    const request = deleteRequest(byteStringOfText(key), optional(end), options);
    await withClient(terminal, command, async ({ client, hex, print }) => {
      const { deleteRange } = await import("../../wire/methods.ts");
      const { header, result } = await client.call(deleteRange, request);
      const display: PlainOptions = { ...plainDefaults, hex };
      print({
        plain: () => deletePlain(result, display),
        table: () => deleteTable(header.revision, result, display),
        json: () => deleteJson(headerJson(header), result),
      });
    });
  });
}

export function addTxn(program: Command, terminal: Terminal): void {
  const command = program.command("txn").summary("do several operations at once, on a condition");
  example(
    command,
    "Reads compares, operations if all hold, and operations if not from standard input, parted by empty lines.",
    [`printf '%s\\n' 'ver("lock") = "0"' '' 'put lock me' '' 'get lock' | quorate txn`],
  );
  addClientOptions(command).action(async () => {
    const text = await readAll(terminal);
    await withClient(terminal, command, async ({ client, hex, print }) => {
      const { request, successDisplay, failureDisplay } = parseTxn(text.toString("utf8"), hex);
      const { txn } = await import("../../wire/methods.ts");
      const { header, result } = await client.call(txn, request);
      const displays = result.succeeded ? successDisplay : failureDisplay;
      print({
        plain: () => txnPlain(result, displays),
        table: () => txnTable(header.revision, result, displays),
        json: () => txnJson(headerJson(header), result),
      });
    });
  });
}

export function addCompaction(program: Command, terminal: Terminal): void {
  const command = program
    .command("compaction")
    .summary("forget the history before a revision")
    .argument("<revision>", "the oldest revision that stays readable", wholeNumber(1))
    .option("--physical", "wait until the memory is free");
  example(command, "Forgets what keys were before a revision.", ["quorate compaction 1200"]);
  addClientOptions(command).action(async (revision: number, options: { readonly physical?: boolean }) => {
    await withClient(terminal, command, async ({ client, print }) => {
      const { compact } = await import("../../wire/methods.ts");
      const header = await client.call(compact, { revision, physical: options.physical === true });
      print({
        plain: () => `compacted revision ${revision}\n`,
        table: () => table(["COMPACTED", "REVISION"], [[String(revision), String(header.revision)]]),
        json: () => ({ header: headerJson(header) }),
      });
    });
  });
}
