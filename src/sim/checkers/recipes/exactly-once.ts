/**
 * Changes that count once: of a counter and of an atomic value each acknowledged change is in the last value once, one with
 * an unknown outcome at most once, one that was refused not at all, and nothing else. The values that were told stand in
 * one order, in which each contains all before it, and all that was acknowledged before it was begun (linearizability of
 * a register that only grows).
 */
import type { Truth, Violation } from "../../history.ts";
import type { Change, RecipeChecker } from "../../recipes/history.ts";
import { BASE } from "../../recipes/other-uses.ts";
import { quoted, violation } from "../narration.ts";
import { grouped } from "./narration.ts";

const NAME = "exactly once";

export const exactlyOnce: RecipeChecker = {
  name: NAME,
  source: "coordination/register.ts, settled-writes.ts; Jepsen, jetcd 0.8.2; Herlihy and Wing 1990",
  check({ changes }, truth) {
    for (const [key, ofKey] of grouped(changes, (change) => change.key)) {
      const found = checkSum(key, ofKey, truth) ?? checkOrder(key, ofKey);
      if (found !== null) return found;
    }
    return null;
  },
};

function checkSum(key: string, changes: readonly Change[], truth: Truth): Violation | null {
  const times = timesIn(key, lastValue(key, truth));
  for (const change of changes) {
    const made = times.get(change.token) ?? 0;
    times.delete(change.token);
    const most = change.fate === "refused" ? 0 : 1;
    const least = change.fate === "acknowledged" ? 1 : 0;
    if (made >= least && made <= most) continue;
    return violation(NAME, `${changeText(change)} was made ${made} times`);
  }
  const [more] = times.keys();
  if (more !== undefined) return violation(NAME, `${quoted(key)} has the change ${more}, which nobody made`);
  return null;
}

function checkOrder(key: string, changes: readonly Change[]): Violation | null {
  const told = changes
    .filter(({ told }) => told !== null)
    .map((change) => ({ change, has: new Set(timesIn(key, change.told ?? "").keys()) }))
    .sort((a, b) => a.has.size - b.has.size);
  for (const [at, { change, has }] of told.entries()) {
    if (!has.has(change.token)) return violation(NAME, `${changeText(change)} was told a value without it`);
    const before = told[at - 1];
    if (before === undefined) continue;
    const missing = [...before.has].find((token) => !has.has(token));
    if (missing === undefined) continue;
    const sentence = `${changeText(change)} and ${changeText(before.change)} were told values of which neither contains the other`;
    return violation(NAME, sentence, [`${missing} is in the second, not in the first`]);
  }
  const returned = changes
    .filter(({ fate }) => fate === "acknowledged")
    .sort((a, b) => (a.returned?.order ?? 0) - (b.returned?.order ?? 0));
  for (const { change, has } of told) {
    for (const earlier of returned) {
      if (earlier.returned === null || earlier.returned.order > change.invoked.order) break;
      if (has.has(earlier.token)) continue;
      return violation(
        NAME,
        `${changeText(change)} was told a value without ${changeText(earlier)}, which was over before`,
      );
    }
  }
  return null;
}

function changeText({ program, key, token, fate }: Change): string {
  return `change ${token} of ${quoted(key)} by ${program}, which is ${fate},`;
}

function lastValue(key: string, { changes }: Truth): string {
  let last = "";
  for (const { events } of changes) for (const { kv } of events) if (kv.key === key) last = kv.value;
  return last;
}

/** How often each change is in a value: digits of a counter, numbers of a list. */
function timesIn(key: string, value: string): Map<number, number> {
  const times = new Map<number, number>();
  if (key.startsWith("value/")) {
    for (const text of value.split(",").slice(0, -1)) times.set(Number(text), 1 + (times.get(Number(text)) ?? 0));
    return times;
  }
  let rest = BigInt(value);
  for (let token = 0; rest > 0n; token++, rest /= BASE) if (rest % BASE > 0n) times.set(token, Number(rest % BASE));
  return times;
}
