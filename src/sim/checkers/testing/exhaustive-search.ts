/**
 * Linearizability by its definition: tries every order of the calls that is true to real time, with and without those
 * whose outcome is unknown, and with every revision these could have had. For a handful of calls.
 */
import { isDeepStrictEqual } from "node:util";
import type { Call } from "../../history.ts";
import { isAnsweredKv, isKvRequest, isUnknown, type KvRequest } from "../client-calls.ts";
import { PlainStore } from "./plain-store.ts";

/** A call that was made, and the store's revision before it. */
interface Made {
  readonly request: KvRequest;
  readonly before: number;
}

export function existsOrder(calls: readonly Call[]): boolean {
  const open = calls.filter((call) => isAnsweredKv(call) || isUnknown(call));
  const newest = Math.max(1, ...open.map(({ outcome }) => (outcome?.type === "answered" ? outcome.revision : 1)));
  return tryAll(open, [], newest);
}

function tryAll(open: readonly Call[], made: readonly Made[], newest: number): boolean {
  const answered = open.filter(isAnsweredKv);
  if (answered.length === 0) return true;
  const firstReturn = Math.min(...answered.map(({ returned }) => returned.order));
  return open.some((next) => {
    const { request } = next;
    if (next.invoked.order > firstReturn || !isKvRequest(request)) return false;
    const rest = open.filter((other) => other !== next);
    for (let before = replay(made).revision; before <= newest; before++) {
      const all = [...made, { request, before }];
      if (isAnsweredKv(next) ? !isAnswer(made, next, before) : !isPossible(made, request, before)) continue;
      if (tryAll(rest, all, newest)) return true;
    }
    return false;
  });
}

function replay(made: readonly Made[]): PlainStore {
  const store = new PlainStore();
  for (const { request, before } of made) {
    store.skipTo(before);
    store.apply(request);
  }
  return store;
}

function isPossible(made: readonly Made[], request: KvRequest, before: number): boolean {
  const store = replay(made);
  store.skipTo(before);
  return store.apply(request) !== null;
}

function isAnswer(made: readonly Made[], { request, outcome }: Call, before: number): boolean {
  if (outcome?.type !== "answered" || !isKvRequest(request)) return false;
  const store = replay(made);
  store.skipTo(before);
  const applied = store.apply(request);
  if (applied === null || applied.revision !== outcome.revision) return false;
  return isDeepStrictEqual(applied.result, outcome.result);
}
