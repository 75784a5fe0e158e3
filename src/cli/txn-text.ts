/**
 * A transaction as text, in the form etcdctl reads:
 *
 *     mod("key1") > "0"                 compares, one a line
 *                                       an empty line
 *     put key1 "overwrote key1"         operations if all compares hold
 *                                       an empty line
 *     get key1 --prefix                 operations if not
 *
 * A compare is `target("key") op "value"`: targets ver(sion), c(reate), m(od), val(ue), lease; ops = != < >. In it
 * strings are double-quoted with Go's escapes, or raw between back quotes. An operation is a command line of `get`,
 * `put` or `del` with their options; words may be quoted with "…" (Go's escapes) or '…' (nothing is special). The last
 * parts may be missing.
 */
import { Command, CommanderError } from "commander";
import type { ByteString, Compare, RequestOp, TxnRequest } from "../wire/kv.ts";
import { CompareResult, CompareTarget } from "../wire/kv.ts";
import { usageError } from "./failure.ts";
import { type PlainOptions, plainDefaults } from "./format/plain.ts";
import { splitWords, unquoteGo } from "./go-quote.ts";
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
} from "./requests.ts";

export interface ParsedTxn {
  readonly request: TxnRequest;
  /** How the results of each branch's operations are to be shown. */
  readonly successDisplay: readonly PlainOptions[];
  readonly failureDisplay: readonly PlainOptions[];
}

interface ParsedOperation {
  readonly op: RequestOp;
  readonly display: PlainOptions;
}

/** @throws usageError naming the line that cannot be read */
export function parseTxn(text: string, hex = false): ParsedTxn {
  const lines = text.split(/\r?\n/);
  let at = 0;
  const part = <T>(parse: (line: string) => T): T[] => {
    const parsed: T[] = [];
    for (; at < lines.length; at++) {
      const line = (lines[at] ?? "").trim();
      if (line === "") {
        at++;
        break;
      }
      parsed.push(withLine(at + 1, () => parse(line)));
    }
    return parsed;
  };
  const compare = part(parseCompare);
  const success = part((line) => parseOperation(line, hex));
  const failure = part((line) => parseOperation(line, hex));
  const rest = lines.findIndex((line, index) => index >= at && line.trim() !== "");
  if (rest >= 0) {
    throw usageError(
      `line ${rest + 1} ${JSON.stringify(lines[rest])} is behind the end: a transaction has three parts, parted by one empty line each`,
    );
  }
  return {
    request: { compare, success: success.map(({ op }) => op), failure: failure.map(({ op }) => op) },
    successDisplay: success.map(({ display }) => display),
    failureDisplay: failure.map(({ display }) => display),
  };
}

function withLine<T>(line: number, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof Error) throw usageError(`line ${line}: ${error.message}`);
    throw error;
  }
}

const results: Readonly<Record<string, CompareResult>> = {
  "=": CompareResult.equal,
  "!=": CompareResult.notEqual,
  ">": CompareResult.greater,
  "<": CompareResult.less,
};

const targets: Readonly<Record<string, CompareTarget>> = {
  ver: CompareTarget.version,
  version: CompareTarget.version,
  c: CompareTarget.create,
  create: CompareTarget.create,
  m: CompareTarget.mod,
  mod: CompareTarget.mod,
  val: CompareTarget.value,
  value: CompareTarget.value,
  lease: CompareTarget.lease,
};

const quoted = '("(?:[^"\\\\]|\\\\.)*"|`[^`]*`)';
const compareLine = new RegExp(`^(\\w+)\\s*\\(\\s*${quoted}\\s*\\)\\s*(\\S+?)\\s*${quoted}$`, "s");

/** @throws usageError if the line is no compare */
export function parseCompare(line: string): Compare {
  const [, targetWord = "", keyText = "", resultWord = "", valueText = ""] = compareLine.exec(line) ?? [];
  if (targetWord === "") {
    throw usageError(`${JSON.stringify(line)} is no compare: write target("key") op "value", such as mod("key") > "0"`);
  }
  const target = targets[targetWord];
  if (target === undefined)
    throw usageError(`${JSON.stringify(targetWord)} cannot be compared: use ver, create, mod, value or lease`);
  const result = results[resultWord];
  if (result === undefined) throw usageError(`${JSON.stringify(resultWord)} is no comparison: use =, !=, < or >`);
  const value = unquoteGo(valueText);
  const number = target === CompareTarget.value || target === CompareTarget.lease ? 0 : numberOf(value);
  return {
    result,
    target,
    key: unquoteGo(keyText),
    rangeEnd: "",
    version: target === CompareTarget.version ? number : 0,
    createRevision: target === CompareTarget.create ? number : 0,
    modRevision: target === CompareTarget.mod ? number : 0,
    value: target === CompareTarget.value ? value : "",
    lease: target === CompareTarget.lease ? leaseOf(value) : 0n,
  };
}

function numberOf(value: ByteString): number {
  const number = Number(value);
  if (!/^-?\d+$/.test(value) || !Number.isSafeInteger(number))
    throw usageError(`${JSON.stringify(value)} is no whole number`);
  return number;
}

function leaseOf(value: ByteString): bigint {
  if (!/^(?:0x)?[0-9a-f]{1,16}$/i.test(value))
    throw usageError(`${JSON.stringify(value)} is no lease id: write it in hexadecimal`);
  return BigInt.asIntN(64, BigInt(`0x${value.replace(/^0x/i, "")}`));
}

/** @throws usageError if the line is no get, put or del */
export function parseOperation(line: string, hex = false): ParsedOperation {
  const words = splitWords(line);
  let parsed: ParsedOperation | null = null;
  const root = new Command().exitOverride().configureOutput({ writeErr: () => undefined, writeOut: () => undefined });
  const verb = (name: string): Command => root.command(name).helpOption(false).allowExcessArguments(false);
  root.helpCommand(false).helpOption(false);
  addGetOptions(verb("get")).action((key: string, end: string | undefined, options: GetOptions) => {
    parsed = { op: { type: "range", request: getRequest(key, end, options) }, display: getDisplay(options, hex) };
  });
  addPutOptions(verb("put")).action((key: string, value: string | undefined, options: PutOptions) => {
    parsed = {
      op: { type: "put", request: putRequest(key, value ?? null, options) },
      display: { ...plainDefaults, hex },
    };
  });
  addDeleteOptions(verb("del")).action((key: string, end: string | undefined, options: DeleteOptions) => {
    parsed = {
      op: { type: "deleteRange", request: deleteRequest(key, end, options) },
      display: { ...plainDefaults, hex },
    };
  });
  try {
    root.parse(words, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    throw usageError(`${JSON.stringify(line)}: ${error.message.replace(/^error: /, "").replace(/\n/g, " ")}`);
  }
  if (parsed === null)
    throw usageError(`${JSON.stringify(line)} is no operation: write get, put or del and its arguments`);
  return parsed;
}
