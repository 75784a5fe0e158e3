/** Ways to spoil a history. Each changes one thing, chosen by chance, and says whether it found something to change. */
import type { SeededRandom } from "../../../consensus/random.ts";
import type { KeyValue, RangeResult } from "../../../wire/kv.ts";
import type { Call, Outcome } from "../../history.ts";
import { type AnsweredKvCall, hasChanged, isAnsweredKv, isSerializable, isUnknown } from "../client-calls.ts";
import type { RandomHistory } from "./random-history.ts";

type Answered = Extract<Outcome, { type: "answered" }>;

export type Mutation = (history: RandomHistory, random: SeededRandom) => RandomHistory | null;

/** A call of the history with another outcome; null: it has none any more, or it never was. */
function withCall({ history, truth }: RandomHistory, call: Call, changed: Call | null): RandomHistory {
  const calls = history.calls.flatMap((other) => (other !== call ? [other] : changed === null ? [] : [changed]));
  return { history: { ...history, calls }, truth };
}

function withAnswer(history: RandomHistory, call: AnsweredKvCall, change: Partial<Answered>): RandomHistory {
  return withCall(history, call, { ...call, outcome: { ...call.outcome, ...change } });
}

function pick<T>(from: readonly T[], random: SeededRandom): T | null {
  return from[random.below(Math.max(1, from.length))] ?? null;
}

function answered({ history }: RandomHistory, holds: (call: AnsweredKvCall) => boolean): AnsweredKvCall[] {
  return history.calls.filter(isAnsweredKv).filter((call) => !isSerializable(call.request) && holds(call));
}

/** Reads that told some keys and their values. */
function reads(history: RandomHistory): AnsweredKvCall[] {
  return answered(history, ({ request, outcome: { result } }) => {
    return (
      request.type === "range" && !request.request.keysOnly && result.type === "range" && result.result.kvs.length > 0
    );
  });
}

function withRange(
  history: RandomHistory,
  call: AnsweredKvCall,
  change: (range: RangeResult) => RangeResult,
): RandomHistory {
  const { result } = call.outcome;
  return result.type === "range"
    ? withAnswer(history, call, { result: { type: "range", result: change(result.result) } })
    : history;
}

function withFirstKv(history: RandomHistory, random: SeededRandom, change: Partial<KeyValue>): RandomHistory | null {
  const call = pick(reads(history), random);
  if (call === null) return null;
  return withRange(history, call, (range) => ({
    ...range,
    kvs: range.kvs.map((kv, at) => (at === 0 ? { ...kv, ...change } : kv)),
  }));
}

/** In answers to calls. */
export const answerMutations: Readonly<Record<string, Mutation>> = {
  "a value that was never written": (history, random) => withFirstKv(history, random, { value: "from nowhere" }),
  "a version number that is too great": (history, random) => withFirstKv(history, random, { version: 1_000 }),
  "a create revision of the past": (history, random) => withFirstKv(history, random, { createRevision: 1 }),
  "a key that is not told": (history, random) => {
    const call = pick(reads(history), random);
    if (call === null) return null;
    return withRange(history, call, (range) => ({ ...range, kvs: range.kvs.slice(1), count: range.count - 1 }));
  },
  "a count that is too great": (history, random) => {
    const call = pick(reads(history), random);
    return call && withRange(history, call, (range) => ({ ...range, count: range.count + 1 }));
  },
  "a revision given twice": (history, random) => {
    const [first, second] = answered(history, ({ outcome }) => hasChanged(outcome.result)).slice(random.below(5));
    if (first === undefined || second === undefined) return null;
    return withAnswer(history, second, { revision: first.outcome.revision });
  },
  "a read of a revision long ago": (history, random) => {
    const [first] = answered(history, () => true);
    const call = pick(reads(history).slice(-10), random);
    if (first === undefined || call === null || call.outcome.revision < first.outcome.revision + 10) return null;
    return withAnswer(history, call, { revision: first.outcome.revision });
  },
  "a deletion that deleted one key more": (history, random) => {
    const call = pick(
      answered(history, ({ outcome }) => outcome.result.type === "deleteRange"),
      random,
    );
    if (call === null || call.outcome.result.type !== "deleteRange") return null;
    const { result } = call.outcome.result;
    return withAnswer(history, call, {
      result: { type: "deleteRange", result: { ...result, deleted: result.deleted + 1 } },
    });
  },
  "a transaction that went the other way": (history, random) => {
    const call = pick(
      answered(history, ({ request, outcome }) => {
        if (request.type !== "txn" || outcome.result.type !== "txn" || request.request.compare.length === 0)
          return false;
        return request.request.success.length === 0 && request.request.failure.length === 0;
      }),
      random,
    );
    if (call === null || call.outcome.result.type !== "txn") return null;
    const { result } = call.outcome.result;
    return withAnswer(history, call, { result: { type: "txn", result: { ...result, succeeded: !result.succeeded } } });
  },
  "two answers that were swapped": (history, random) => {
    const calls = reads(history);
    const one = pick(calls, random);
    const other =
      one &&
      pick(
        calls.filter((call) => !hasSameKvs(call, one)),
        random,
      );
    if (one === null || other === null) return null;
    const first = withAnswer(history, one, { result: other.outcome.result });
    return withAnswer(first, other, { result: one.outcome.result });
  },
  "a write whose effect was seen, but that nobody made": (history, random) => {
    const read = pick(reads(history), random);
    if (read === null || read.outcome.result.type !== "range") return null;
    const [kv] = read.outcome.result.result.kvs;
    const writer = history.history.calls.find(
      (call) =>
        call.outcome?.type === "answered" &&
        hasChanged(call.outcome.result) &&
        call.outcome.revision === kv?.modRevision,
    );
    return writer === undefined ? null : withCall(history, writer, null);
  },
  "a write that was seen, but said to be refused": (history, random) => {
    const read = pick(reads(history), random);
    if (read === null || read.outcome.result.type !== "range") return null;
    const [kv] = read.outcome.result.result.kvs;
    const writer = history.history.calls.find(
      (call) =>
        call.outcome?.type === "answered" &&
        hasChanged(call.outcome.result) &&
        call.outcome.revision === kv?.modRevision,
    );
    if (writer === undefined) return null;
    return withCall(history, writer, { ...writer, outcome: { type: "refused", code: 8, message: "no space" } });
  },
};

/** In answers, too, but some may be true of another order, with a call of unknown outcome at another place. */
export const subtleMutations: readonly Mutation[] = [
  (history, random) => shiftKv(history, random, "version", 1),
  (history, random) => shiftKv(history, random, "version", -1),
  (history, random) => shiftKv(history, random, "modRevision", 1),
  (history, random) => shiftKv(history, random, "modRevision", -1),
  (history, random) => shiftKv(history, random, "createRevision", 1),
  (history, random) => shiftKv(history, random, "createRevision", -1),
  (history, random) => shiftRevision(history, random, 1),
  (history, random) => shiftRevision(history, random, -1),
  (history, random) => {
    const call = pick(
      answered(history, () => true),
      random,
    );
    return call && withCall(history, call, { ...call, outcome: { type: "unknown", message: "timed out" } });
  },
  (history, random) => {
    const call = pick(history.history.calls.filter(isUnknown), random);
    return call && withCall(history, call, null);
  },
];

function shiftKv(
  history: RandomHistory,
  random: SeededRandom,
  field: "version" | "modRevision" | "createRevision",
  by: number,
): RandomHistory | null {
  const call = pick(reads(history), random);
  if (call === null) return null;
  return withRange(history, call, (range) => ({
    ...range,
    kvs: range.kvs.map((kv, at) => (at === 0 ? { ...kv, [field]: kv[field] + by } : kv)),
  }));
}

function shiftRevision(history: RandomHistory, random: SeededRandom, by: number): RandomHistory | null {
  const call = pick(
    answered(history, ({ request }) => request.type !== "txn"),
    random,
  );
  return call && withAnswer(history, call, { revision: call.outcome.revision + by });
}

function hasSameKvs(a: AnsweredKvCall, b: AnsweredKvCall): boolean {
  return JSON.stringify(a.outcome.result, text) === JSON.stringify(b.outcome.result, text);
}

function text(_: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}
