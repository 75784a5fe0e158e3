/**
 * What `get`, `put` and `del` take, and the requests they become. Keys and values come as byte strings. The operations of a transaction's text form take the
 * same, so it is said once.
 */
import { type Command, Option } from "commander";
import type { ByteString, DeleteRangeRequest, PutRequest, RangeRequest } from "../wire/kv.ts";
import { SortOrder, SortTarget } from "../wire/kv.ts";
import { leaseNumber, wholeNumber } from "./client-options.ts";
import { usageError } from "./failure.ts";
import type { PlainOptions } from "./format/plain.ts";

interface KeysOptions {
  readonly prefix?: boolean;
  readonly fromKey?: boolean;
}

export interface GetOptions extends KeysOptions {
  readonly rev?: number;
  readonly limit?: number;
  readonly order?: string;
  readonly sortBy?: string;
  readonly keysOnly?: boolean;
  readonly countOnly?: boolean;
  readonly printValueOnly?: boolean;
  readonly consistency?: string;
}

export interface PutOptions {
  readonly lease?: bigint;
  readonly prevKv?: boolean;
  readonly ignoreValue?: boolean;
  readonly ignoreLease?: boolean;
}

export interface DeleteOptions extends KeysOptions {
  readonly prevKv?: boolean;
}

function addKeysOptions(command: Command): Command {
  return command
    .option("--prefix", "all keys that begin with the key")
    .option("--from-key", "all keys from the key on, in byte order");
}

export function addGetOptions(command: Command): Command {
  addKeysOptions(command.argument("<key>", "the key").argument("[range_end]", "up to but without this key"))
    .option("--rev <revision>", "as of this revision", wholeNumber(1))
    .option("--limit <number>", "the most keys to return", wholeNumber(0))
    .option("--order <order>", "ASCEND or DESCEND")
    .option("--sort-by <field>", "KEY, CREATE, MODIFY, VERSION or VALUE")
    .option("--keys-only", "without the values")
    .option("--count-only", "only how many there are")
    .option("--print-value-only", "only the values (plain output)")
    .addOption(
      new Option("--consistency <mode>", "l: linearizable, s: what the called member has").choices(["l", "s"]),
    );
  return command;
}

export function addPutOptions(command: Command): Command {
  command
    .argument("<key>", "the key")
    .argument("[value]", "the value; read from standard input if not given")
    .option("--lease <id>", "bind the key to this lease (hexadecimal)", leaseNumber)
    .option("--prev-kv", "return what the key was before")
    .option("--ignore-value", "keep the value the key has")
    .option("--ignore-lease", "keep the lease the key has");
  return command;
}

export function addDeleteOptions(command: Command): Command {
  return addKeysOptions(
    command.argument("<key>", "the key").argument("[range_end]", "up to but without this key"),
  ).option("--prev-kv", "return what was deleted");
}

export interface KeyRange {
  readonly key: ByteString;
  readonly rangeEnd: ByteString;
}

/** Everything from the key on, as the protocol writes it. */
const NO_END: ByteString = "\0";

/** @throws usageError on more than one way to say where the range ends */
export function keyRange(key: ByteString, rangeEnd: ByteString | undefined, options: KeysOptions): KeyRange {
  const ways = [
    rangeEnd !== undefined ? "range_end" : "",
    options.prefix === true ? "--prefix" : "",
    options.fromKey === true ? "--from-key" : "",
  ];
  const used = ways.filter((way) => way !== "");
  if (used.length > 1) throw usageError(`${used.join(" and ")} contradict each other: give one of them`);
  // The first possible key is "\0": the protocol has no empty key.
  if (options.fromKey === true) return { key: key === "" ? NO_END : key, rangeEnd: NO_END };
  if (options.prefix === true)
    return key === "" ? { key: NO_END, rangeEnd: NO_END } : { key, rangeEnd: prefixEnd(key) };
  return { key, rangeEnd: rangeEnd ?? "" };
}

/** The first key behind all that begin with `prefix`; "\0" (no end) if there is none. */
export function prefixEnd(prefix: ByteString): ByteString {
  for (let length = prefix.length; length > 0; length--) {
    const last = prefix.charCodeAt(length - 1);
    if (last < 0xff) return prefix.slice(0, length - 1) + String.fromCharCode(last + 1);
  }
  return NO_END;
}

const sortOrders: Readonly<Record<string, SortOrder>> = { ASCEND: SortOrder.ascend, DESCEND: SortOrder.descend };

const sortTargets: Readonly<Record<string, SortTarget>> = {
  KEY: SortTarget.key,
  CREATE: SortTarget.create,
  MODIFY: SortTarget.mod,
  VERSION: SortTarget.version,
  VALUE: SortTarget.value,
};

function choice<T>(flag: string, text: string, values: Readonly<Record<string, T>>): T {
  const value = values[text.toUpperCase()];
  if (value === undefined)
    throw usageError(`${flag} ${JSON.stringify(text)} is unknown: use ${Object.keys(values).join(", ")}`);
  return value;
}

/** @throws usageError on options that contradict each other */
export function getRequest(key: ByteString, rangeEnd: ByteString | undefined, options: GetOptions): RangeRequest {
  const { keysOnly = false, countOnly = false, printValueOnly = false } = options;
  if (keysOnly && countOnly) throw usageError("--keys-only and --count-only contradict each other: give one of them");
  if (printValueOnly && (keysOnly || countOnly)) {
    throw usageError(
      `--print-value-only and ${keysOnly ? "--keys-only" : "--count-only"} contradict each other: give one of them`,
    );
  }
  const sortTarget = options.sortBy === undefined ? SortTarget.key : choice("--sort-by", options.sortBy, sortTargets);
  const order = options.order === undefined ? SortOrder.ascend : choice("--order", options.order, sortOrders);
  return {
    ...keyRange(key, rangeEnd, options),
    limit: options.limit ?? 0,
    revision: options.rev ?? 0,
    // By key ascending is the order without sorting, which servers answer faster.
    sortOrder: sortTarget === SortTarget.key && order === SortOrder.ascend ? SortOrder.none : order,
    sortTarget,
    serializable: options.consistency === "s",
    keysOnly,
    countOnly,
    minModRevision: 0,
    maxModRevision: 0,
    minCreateRevision: 0,
    maxCreateRevision: 0,
  };
}

/**
 * `value`: null if none was given.
 * @throws usageError on options that contradict each other, and if a value is needed
 */
export function putRequest(key: ByteString, value: ByteString | null, options: PutOptions): PutRequest {
  const { lease = 0n, prevKv = false, ignoreValue = false, ignoreLease = false } = options;
  if (ignoreLease && lease !== 0n)
    throw usageError("--ignore-lease and --lease contradict each other: give one of them");
  if (ignoreValue && value !== null)
    throw usageError("--ignore-value and a value contradict each other: leave the value out");
  if (!ignoreValue && value === null) throw usageError("put needs a value: give it behind the key");
  return { key, value: value ?? "", lease, prevKv, ignoreValue, ignoreLease };
}

export function deleteRequest(
  key: ByteString,
  rangeEnd: ByteString | undefined,
  options: DeleteOptions,
): DeleteRangeRequest {
  return { ...keyRange(key, rangeEnd, options), prevKv: options.prevKv === true };
}

/** How the result of a `get` is shown. */
export function getDisplay(options: GetOptions, hex: boolean): PlainOptions {
  return {
    hex,
    valuesOnly: options.printValueOnly === true,
    keysOnly: options.keysOnly === true,
    countOnly: options.countOnly === true,
  };
}
