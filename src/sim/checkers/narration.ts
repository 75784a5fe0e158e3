/** Calls, answers and counter-examples as text that a person can follow. */
import type { Compare, KeyValue, RequestOp, ResponseOp, TxnRequest, TxnResult } from "../../wire/kv.ts";
import type { Call, ClientRequest, ClientResult, Outcome, Violation } from "../history.ts";
import type { KeyRange } from "./key-range.ts";

/** No violation is told in more lines. */
const MAX_LINES = 30;
/** Characters of a column at most. */
const MAX_COLUMN = 110;

/** A violation from a sentence and the lines that explain it. */
export function violation(property: string, sentence: string, lines: readonly string[] = []): Violation {
  const kept = lines.length < MAX_LINES ? lines : [...lines.slice(0, MAX_LINES - 2), `(${lines.length} lines in all)`];
  return { property, message: [sentence, ...kept.map((line) => `  ${line}`)].join("\n") };
}

/** One line a call: when, who, what, and what came back; in the order of their invocations. */
export function callTable(calls: readonly Call[]): string[] {
  const rows = [...calls]
    .sort((a, b) => a.invoked.order - b.invoked.order)
    .map((call) => [
      `${time(call.invoked.at)} to ${call.returned === null ? "-" : time(call.returned.at)}`,
      `client ${call.client}`,
      `#${call.id}`,
      requestText(call.request),
      `-> ${outcomeText(call.outcome)}`,
    ]);
  return alignedTable([["ms", "", "call", "", ""], ...rows]);
}

/** Columns of equal width, which are cut when they grow too wide. */
export function alignedTable(rows: readonly (readonly string[])[]): string[] {
  const cut = rows.map((row) => row.map((cell) => shortened(cell, MAX_COLUMN)));
  const widths: number[] = [];
  for (const row of cut) row.forEach((cell, at) => (widths[at] = Math.max(widths[at] ?? 0, cell.length)));
  return cut.map((row) =>
    row
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

function shortened(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 3)}...`;
}

function time(at: number): string {
  return String(Math.round(at * 1_000) / 1_000);
}

export function callText(call: Call): string {
  return `call #${call.id} (client ${call.client}: ${requestText(call.request)})`;
}

export function requestText(request: ClientRequest): string {
  switch (request.type) {
    case "range":
    case "put":
    case "deleteRange":
      return opText(request);
    case "txn":
      return txnText(request.request);
    case "compact":
      return `compact ${request.revision}`;
    case "leaseGrant":
      return `grant lease ${request.id} for ${request.ttl} s`;
    case "leaseRevoke":
      return `revoke lease ${request.id}`;
    case "leaseKeepAlive":
      return `keep lease ${request.id} alive`;
  }
}

function opText(op: RequestOp): string {
  switch (op.type) {
    case "put": {
      const { key, value, lease, prevKv, ignoreValue, ignoreLease } = op.request;
      const flags = [ignoreLease && "same lease", lease !== 0n && `lease ${lease}`, prevKv && "tell previous"];
      return [`put ${quoted(key)}=${ignoreValue ? "(same)" : quoted(value)}`, ...flags].filter(Boolean).join(" ");
    }
    case "deleteRange":
      return `delete ${rangeText(op.request)}${op.request.prevKv ? " tell previous" : ""}`;
    case "range": {
      const { revision, limit, serializable, keysOnly, countOnly } = op.request;
      const flags = [
        revision > 0 && `at ${revision}`,
        limit > 0 && `limit ${limit}`,
        serializable && "serializable",
        keysOnly && "keys only",
        countOnly && "count only",
      ];
      return [`read ${rangeText(op.request)}`, ...flags].filter(Boolean).join(" ");
    }
    case "txn":
      return `(${txnText(op.request)})`;
    case "empty":
      return "nothing";
  }
}

function txnText({ compare, success, failure }: TxnRequest): string {
  const ops = (list: readonly RequestOp[]): string => (list.length === 0 ? "nothing" : list.map(opText).join(", "));
  return `txn if ${compare.map(compareText).join(" and ") || "true"} then ${ops(success)} else ${ops(failure)}`;
}

export function compareText(compare: Compare): string {
  const target = ["version", "create", "mod", "value", "lease"][compare.target] ?? `target ${compare.target}`;
  const wanted = [compare.version, compare.createRevision, compare.modRevision, quoted(compare.value), compare.lease];
  const sign = ["=", ">", "<", "!="][compare.result] ?? `result ${compare.result}`;
  return `${target}(${rangeText(compare)}) ${sign} ${wanted[compare.target] ?? "?"}`;
}

export function rangeText({ key, rangeEnd }: KeyRange): string {
  if (rangeEnd === "") return quoted(key);
  return `[${quoted(key)}, ${rangeEnd === "\0" ? "end" : quoted(rangeEnd)})`;
}

function outcomeText(outcome: Outcome | null): string {
  if (outcome === null) return "under way";
  switch (outcome.type) {
    case "answered":
      return `revision ${outcome.revision}${resultText(outcome.result)}`;
    case "refused":
      return `refused with code ${outcome.code}: ${outcome.message}`;
    case "unknown":
      return `unknown: ${outcome.message}`;
  }
}

function resultText(result: ClientResult): string {
  switch (result.type) {
    case "range":
    case "put":
    case "deleteRange":
    case "txn": {
      const text = responseText({ ...result, revision: 0 });
      return text === "" ? "" : `: ${text}`;
    }
    case "leaseGrant":
    case "leaseKeepAlive":
      return `: ${result.ttl} s to live`;
    case "compact":
    case "leaseRevoke":
      return "";
  }
}

function responseText(response: ResponseOp): string {
  switch (response.type) {
    case "range": {
      const { kvs, count, more } = response.result;
      const found = kvs.length === 0 ? `count ${count}` : kvs.map(kvText).join(", ");
      return more ? `${found}, more of ${count}` : found;
    }
    case "put":
      return response.result.prevKv === null ? "" : `previous ${kvText(response.result.prevKv)}`;
    case "deleteRange": {
      const { deleted, prevKvs } = response.result;
      return [`deleted ${deleted}`, ...prevKvs.map((kv) => `previous ${kvText(kv)}`)].join(", ");
    }
    case "txn":
      return txnResultText(response.result);
  }
}

function txnResultText({ succeeded, responses }: TxnResult): string {
  const inner = responses.map((response) => responseText(response) || response.type).join("; ");
  return `${succeeded ? "succeeded" : "failed"}${inner === "" ? "" : ` (${inner})`}`;
}

/** `"a"="v"@5 (create 3, version 2)` */
export function kvText({ key, value, modRevision, createRevision, version, lease }: KeyValue): string {
  const onLease = lease === 0n ? "" : `, lease ${lease}`;
  return `${quoted(key)}=${quoted(value)}@${modRevision} (create ${createRevision}, version ${version}${onLease})`;
}

export function quoted(text: string): string {
  return JSON.stringify(shortened(text, 40));
}
