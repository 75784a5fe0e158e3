/**
 * What a lease promises: it does not end before its time, what was renewed lives on, and its keys end with it, all at
 * once and for good.
 *
 * Time is true time. A member's clock may run faster than it by the history's drift, so a lease of `ttl` seconds lives
 * `ttl * (1 - drift)` true seconds at least, from the moment its last renewal was asked for. There is no promise that it
 * ends soon after: a cluster without a leader keeps all leases.
 */
import type { LeaseId } from "../../wire/kv.ts";
import type { History, HistoryChecker, TrueLease, Truth, Violation } from "../history.ts";
import { type AnsweredCall, isAnswered, isRefused } from "./client-calls.ts";
import { checkSightings } from "./lease-sightings.ts";
import { Attachments, LeaseTerms } from "./lease-terms.ts";
import { callTable, callText, quoted, violation } from "./narration.ts";

const NAME = "lease safety";
/** Milliseconds that fractions may lose in a clock's arithmetic. */
const ROUNDING_MS = 0.001;

export const leaseSafety: HistoryChecker = {
  name: NAME,
  source: "etcd docs, API guarantees: lease APIs; Gray and Cheriton 1989",
  check(history, truth) {
    const terms = new LeaseTerms(truth);
    return (
      checkKeysEnd(truth, terms) ??
      checkAnswers(history, terms) ??
      checkNotEarly(history, truth) ??
      checkSightings(NAME, history, truth, terms)
    );
  },
};

/** A lease takes exactly its keys along, in one revision, and none is put on it before its grant or after its end. */
function checkKeysEnd(truth: Truth, terms: LeaseTerms): Violation | null {
  const attachments = new Attachments();
  const ends = new Map<number, LeaseId[]>();
  for (const { id, revokedRevision } of truth.leases) {
    if (revokedRevision !== null) ends.set(revokedRevision, [...(ends.get(revokedRevision) ?? []), id]);
  }
  for (const change of truth.changes) {
    const { revision, events, revokedLease } = change;
    const { left, taken } = attachments.wronglyDeleted(change);
    if (left.length > 0) {
      return violation(NAME, `lease ${revokedLease} ended at revision ${revision}, but left ${names(left)} behind`);
    }
    if (taken.length > 0) {
      const sentence = `lease ${revokedLease} ended at revision ${revision} and changed ${names(taken)}, not on it`;
      return violation(NAME, sentence);
    }
    if (revokedLease !== null && terms.endedAt(revokedLease, revision) === null) {
      return violation(NAME, `revision ${revision} is the end of lease ${revokedLease}, which did not end then`);
    }
    for (const event of events) {
      attachments.apply(event);
      const { key, lease } = event.kv;
      if (event.type === "delete" || lease === 0n) continue;
      const term = terms.at(lease, change.committed);
      if (term === null) {
        return violation(NAME, `${quoted(key)} was put on lease ${lease} at ${revision}, before the lease was granted`);
      }
      if (term.revokedRevision !== null && term.revokedRevision < revision) {
        const sentence = `${quoted(key)} was put on lease ${lease} at ${revision}, but the lease ended before`;
        return violation(NAME, `${sentence}, at ${term.revokedRevision}`);
      }
    }
    for (const id of ends.get(revision) ?? []) {
      const left = attachments.keysOn(id);
      if (left.length > 0) {
        return violation(NAME, `lease ${id} ended at revision ${revision}, but ${names(left)} still hung on it`);
      }
    }
  }
  return null;
}

/** Grants, revocations and renewals that were acknowledged are true. */
function checkAnswers({ calls }: History, terms: LeaseTerms): Violation | null {
  for (const call of calls) {
    if (!isAnswered(call)) continue;
    const wrong = wrongAnswer(call, terms);
    if (wrong !== null) return violation(NAME, `${callText(call)} was acknowledged, but ${wrong}`, callTable([call]));
  }
  return null;
}

function wrongAnswer({ request, outcome, invoked, returned }: AnsweredCall, terms: LeaseTerms): string | null {
  const { result } = outcome;
  if (request.type === "leaseGrant" && result.type === "leaseGrant") {
    const term = terms.of(request.id).find(({ granted }) => isBetween(granted.order, invoked.order, returned.order));
    if (term === undefined) return "no such lease was granted then";
    return term.ttl === result.ttl ? null : `the lease was granted for ${term.ttl} s`;
  }
  if (request.type === "leaseRevoke" && result.type === "leaseRevoke") {
    const term = terms.of(request.id).find(({ revoked }) => revoked !== null && revoked.order < returned.order);
    return term === undefined ? "the lease had not ended by then" : null;
  }
  if (request.type === "leaseKeepAlive" && result.type === "leaseKeepAlive") {
    const alive = terms.of(request.id).filter(({ granted }) => granted.order < returned.order);
    if (result.ttl <= 0) {
      const whole = alive.find((term) => term.granted.order < invoked.order && !endedBefore(term, returned.order));
      return whole === undefined ? null : "the lease was alive all the time";
    }
    return alive.some((term) => !endedBefore(term, invoked.order)) ? null : "the lease had ended before it was asked";
  }
  return null;
}

/** No lease expires while its holder may count on it. */
function checkNotEarly(history: History, truth: Truth): Violation | null {
  for (const lease of truth.leases) {
    const { revoked } = lease;
    if (revoked === null || revokedByClient(history, lease, revoked.order)) continue;
    const renewal = lastRenewal(history, lease, revoked.order);
    const from = Math.max(renewal?.invoked.at ?? 0, lease.granted.at);
    const until = from + 1_000 * lease.ttl * (1 - history.clockDrift);
    if (revoked.at >= until - ROUNDING_MS) continue;
    const since =
      from === renewal?.invoked.at ? `renewed by ${callText(renewal)} at ${from} ms` : `granted at ${from} ms`;
    const sentence = `lease ${lease.id} of ${lease.ttl} s, ${since}, must live until ${until} ms, but ended at ${revoked.at}`;
    return violation(NAME, sentence, renewal === null ? [] : callTable([renewal]));
  }
  return null;
}

/** Whether a client may have ended the lease. */
function revokedByClient({ calls }: History, { id, granted }: TrueLease, end: number): boolean {
  return calls.some(
    (call) =>
      call.request.type === "leaseRevoke" &&
      call.request.id === id &&
      call.invoked.order < end &&
      (call.returned === null || call.returned.order > granted.order || !isAnswered(call)) &&
      !isRefused(call),
  );
}

/** The renewal that was asked for last before the end, of those that were promised time. */
function lastRenewal({ calls }: History, { id, granted }: TrueLease, end: number): AnsweredCall | null {
  let last: AnsweredCall | null = null;
  for (const call of calls) {
    if (!isAnswered(call) || call.outcome.result.type !== "leaseKeepAlive" || call.outcome.result.ttl <= 0) continue;
    if (call.request.type !== "leaseKeepAlive" || call.request.id !== id) continue;
    if (call.invoked.order > end || call.returned.order < granted.order) continue;
    if (last === null || call.invoked.order > last.invoked.order) last = call;
  }
  return last;
}

function endedBefore({ revoked }: TrueLease, order: number): boolean {
  return revoked !== null && revoked.order < order;
}

function isBetween(order: number, from: number, to: number): boolean {
  return order > from && order < to;
}

function names(keys: readonly string[]): string {
  return keys.map(quoted).join(", ");
}
