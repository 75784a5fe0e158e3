/**
 * A lock made of a key on a lease: who creates the key holds the lock until the key is gone, and the key's create
 * revision is the fence, which a guarded resource wants to see with each write (Kleppmann 2016: a holder may not know
 * that its lease has ended, so the resource must).
 *
 * - Fences grow from grant to grant, and a new one is only given once the key of the one before is gone.
 * - A resource that refuses fences smaller than one it has seen never takes a write of an older holder after one of a
 *   newer.
 * - A fence belongs to one client and is the revision at which the lock's key, which is named as the lock, was created.
 */

import { type ByteString, CompareResult, CompareTarget } from "../../wire/kv.ts";
import type { Call, GuardedWrite, History, HistoryChecker, Truth, Violation } from "../history.ts";
import { type AnsweredKvCall, isAnsweredKv } from "./client-calls.ts";
import { alignedTable, callTable, callText, quoted, violation } from "./narration.ts";

const NAME = "lock safety";

export const lockSafety: HistoryChecker = {
  name: NAME,
  source: "Burrows 2006, Chubby: sequencers; Kleppmann 2016, fencing tokens; etcd's concurrency.Mutex",
  check(history, truth) {
    return checkGrants(history, truth) ?? checkGuardedWrites(history, truth);
  },
};

/** A transaction that created a lock's key. */
interface Grant {
  readonly call: AnsweredKvCall;
  readonly fence: number;
}

function checkGrants({ calls }: History, truth: Truth): Violation | null {
  const grants = new Map<ByteString, Grant[]>();
  for (const call of calls) {
    const lock = grantedLock(call);
    if (lock === null || !isAnsweredKv(call)) continue;
    grants.set(lock, [...(grants.get(lock) ?? []), { call, fence: call.outcome.revision }]);
  }
  for (const [lock, ofLock] of grants) {
    const found = checkLock(lock, ofLock, truth);
    if (found !== null) return found;
  }
  return null;
}

/** The key that a call created if there was none, on a lease. */
function grantedLock({ request, outcome }: Call): ByteString | null {
  if (request.type !== "txn" || outcome?.type !== "answered") return null;
  if (outcome.result.type !== "txn" || !outcome.result.result.succeeded) return null;
  const { compare, success } = request.request;
  for (const op of success) {
    if (op.type !== "put" || op.request.lease === 0n) continue;
    const { key } = op.request;
    const isLock = compare.some(
      (one) =>
        one.key === key &&
        one.rangeEnd === "" &&
        one.result === CompareResult.equal &&
        ((one.target === CompareTarget.version && one.version === 0) ||
          (one.target === CompareTarget.create && one.createRevision === 0)),
    );
    if (isLock) return key;
  }
  return null;
}

function checkLock(lock: ByteString, grants: readonly Grant[], truth: Truth): Violation | null {
  const byFence = [...grants].sort((a, b) => a.fence - b.fence);
  for (const [at, { call, fence }] of byFence.entries()) {
    const created = truth.changes[fence - 2]?.events.some(
      ({ type, kv }) => type === "put" && kv.key === lock && kv.createRevision === fence,
    );
    if (created !== true) {
      const sentence = `${callText(call)} was granted lock ${quoted(lock)} with fence ${fence}`;
      return violation(NAME, `${sentence}, but the log has no creation of it there`, callTable([call]));
    }
    const before = byFence[at - 1];
    if (before === undefined) continue;
    const both = `lock ${quoted(lock)} was granted to ${callText(before.call)} and to ${callText(call)}`;
    if (before.fence === fence) return violation(NAME, `${both} with fence ${fence}`, callTable([before.call, call]));
    const isFree = truth.changes
      .slice(before.fence - 1, fence - 2)
      .some(({ events }) => events.some(({ type, kv }) => type === "delete" && kv.key === lock));
    if (!isFree) {
      const sentence = `${both}, with fences ${before.fence} and ${fence}, but was not free in between`;
      return violation(NAME, sentence, callTable([before.call, call]));
    }
    const later = byFence.slice(0, at).find((other) => call.returned.order < other.call.invoked.order);
    if (later === undefined) continue;
    const sentence = `the fence of lock ${quoted(lock)} fell from ${fence} to ${later.fence}`;
    return violation(NAME, sentence, callTable([call, later.call]));
  }
  return null;
}

function checkGuardedWrites({ guardedWrites }: History, truth: Truth): Violation | null {
  const byLock = new Map<string, GuardedWrite[]>();
  for (const write of guardedWrites) byLock.set(write.lock, [...(byLock.get(write.lock) ?? []), write]);
  for (const [lock, writes] of byLock) {
    writes.sort((a, b) => a.moment.order - b.moment.order);
    const owners = new Map<number, number>();
    let newest = 0;
    for (const [at, write] of writes.entries()) {
      const wrong = wrongWrite(write, newest, owners, truth);
      if (wrong !== null) {
        const sentence = `the resource of lock ${quoted(lock)} ${wrong}`;
        return violation(NAME, sentence, writeTable(writes.slice(Math.max(0, at - 9), at + 1)));
      }
      owners.set(write.fence, write.client);
      newest = Math.max(newest, write.fence);
    }
  }
  return null;
}

function wrongWrite(
  { lock, client, fence, accepted }: GuardedWrite,
  newest: number,
  owners: ReadonlyMap<number, number>,
  truth: Truth,
): string | null {
  const who = `a write of client ${client} with fence ${fence}`;
  const owner = owners.get(fence);
  if (owner !== undefined && owner !== client) return `saw ${who}, which is the fence of client ${owner}`;
  const creates = (key: ByteString): boolean =>
    truth.changes[fence - 2]?.events.some(({ kv }) => kv.key === key && kv.createRevision === fence) === true;
  if (!creates(lock)) return `saw ${who}, but the lock's key was not created at revision ${fence}`;
  if (accepted && fence < newest) return `accepted ${who} after one with fence ${newest}`;
  if (!accepted && fence >= newest) return `refused ${who}, though it had seen none greater than ${newest}`;
  return null;
}

function writeTable(writes: readonly GuardedWrite[]): string[] {
  return alignedTable(
    writes.map(({ moment, client, fence, accepted }) => [
      `${moment.at} ms`,
      `client ${client}`,
      `fence ${fence}`,
      accepted ? "accepted" : "refused",
    ]),
  );
}
