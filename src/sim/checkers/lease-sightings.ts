/**
 * Keys on leases, as reads saw them: once a lease has ended, or once its key was seen to be gone, nobody sees that life
 * of the key again.
 */
import type { ByteString, KeyValue } from "../../wire/kv.ts";
import type { History, Truth, Violation } from "../history.ts";
import { type AnsweredKvCall, isAnsweredKv, isSerializable, madeOps, tellsAll } from "./client-calls.ts";
import { isInRange } from "./key-range.ts";
import type { LeaseTerms } from "./lease-terms.ts";
import { callTable, callText, kvText, quoted, violation } from "./narration.ts";

/** A read of the present, and what it found of a key. */
interface Sighting {
  readonly call: AnsweredKvCall;
  readonly key: ByteString;
  readonly kv: KeyValue | null;
}

export function checkSightings(
  property: string,
  { calls }: History,
  truth: Truth,
  terms: LeaseTerms,
): Violation | null {
  const events = truth.changes.flatMap((change) => change.events);
  const leased = new Set(events.filter(({ kv }) => kv.lease !== 0n).map(({ kv }) => kv.key));
  const gone = new Map<ByteString, Sighting[]>();
  const alive: Sighting[] = [];
  for (const call of calls) {
    if (!isAnsweredKv(call)) continue;
    for (const sighting of sightings(call, leased)) {
      if (sighting.kv !== null) alive.push(sighting);
      else if (!isSerializable(call.request)) gone.set(sighting.key, [...(gone.get(sighting.key) ?? []), sighting]);
    }
  }
  for (const sighting of alive) {
    const { call, key, kv } = sighting;
    if (kv === null || kv.lease === 0n) continue;
    const wrong = afterTheEnd(sighting, kv, truth, terms);
    if (wrong !== null)
      return violation(property, `${callText(call)} saw ${kvText(kv)}, but ${wrong}`, callTable([call]));
    if (isSerializable(call.request)) continue;
    const earlier = gone.get(key)?.find((other) => isGoneBefore(other.call, call, kv));
    if (earlier === undefined) continue;
    const sentence = `${callText(call)} saw ${kvText(kv)} after ${callText(earlier.call)} had seen ${quoted(key)} gone`;
    return violation(property, sentence, callTable([earlier.call, call]));
  }
  return null;
}

/** What a call saw of the keys that ever were on a lease. */
function sightings(call: AnsweredKvCall, leased: ReadonlySet<ByteString>): Sighting[] {
  return madeOps(call).flatMap((op): Sighting[] => {
    if (op.type !== "range" || op.request.revision > 0) return [];
    const { request, response } = op;
    const seen = response.result.kvs.map((kv): Sighting => ({ call, key: kv.key, kv }));
    if (!tellsAll(request)) return seen;
    const missing = [...leased].filter((key) => isInRange(key, request) && !seen.some((other) => other.key === key));
    return [...seen, ...missing.map((key): Sighting => ({ call, key, kv: null }))];
  });
}

function afterTheEnd({ call }: Sighting, kv: KeyValue, truth: Truth, terms: LeaseTerms): string | null {
  const change = truth.changes[kv.modRevision - 2];
  if (change === undefined) return `the log has no revision ${kv.modRevision}`;
  const term = terms.at(kv.lease, change.committed);
  if (term === null) return `lease ${kv.lease} had not been granted when it was put`;
  const { revoked, revokedRevision } = term;
  if (revoked === null || revokedRevision === null) return null;
  if (call.outcome.revision >= revokedRevision) return `lease ${kv.lease} ended at revision ${revokedRevision}`;
  if (revoked.order > call.invoked.order || isSerializable(call.request)) return null;
  return `the end of lease ${kv.lease} had been committed before, at ${revoked.at} ms`;
}

/** Whether one call saw a key gone, in a state after the version that the other saw, and before that was asked for. */
function isGoneBefore(gone: AnsweredKvCall, alive: AnsweredKvCall, { modRevision }: KeyValue): boolean {
  return gone.returned.order < alive.invoked.order && gone.outcome.revision >= modRevision;
}
