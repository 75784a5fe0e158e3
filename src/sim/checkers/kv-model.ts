/**
 * etcd's keyspace as a model for the search for an order: what each call may find and leave behind.
 *
 * An answer carries the store's revision, so it says where its call stands: after all with smaller ones, and a change
 * before the reads that saw it. A call without an answer, if it happened, has taken one of the revisions that no answer
 * names, after those that had been answered when it was invoked, and after the last call before that touched its keys:
 *
 *     answered    2  3  4     6  7  8        11
 *     free                 5           9 10
 *                          ╰─ a put of "a" without an answer: at 5, 9 or 10, if nobody touches "a" in between
 *
 * Nothing else is taken from a revision but its place. Whether it can be right is what is being searched.
 */
/**
 * etcd's keyspace as a model for the search for an order: what each call may find and leave behind.
 *
 * An answer carries the store's revision, so it says where its call stands: after all with smaller ones, and a change
 * before the reads that saw it. A call without an answer, if it happened, has taken one of the revisions that no answer
 * names, after those that had been answered when it was invoked, and after the last call before that touched its keys:
 *
 *     answered    2  3  4     6  7  8        11
 *     free                 5           9 10
 *                       ╰─ put of "a" without an answer: at 5, 9 or 10, if nobody touches "a" in between
 *
 * Nothing else is taken from a revision but its place. Whether it can be right is what is being searched.
 */
import type { ByteString, KeyValue } from "../../wire/kv.ts";
import type { Call } from "../history.ts";
import { type AnsweredKvCall, isAnsweredKv, rangesOf } from "./client-calls.ts";
import { FreeRevisions } from "./free-revisions.ts";
import type { KeyRange } from "./key-range.ts";
import { executeAnswered, type KeyChange, possibleEffects } from "./kv-execution.ts";
import { factText, fits, KvFacts, refutation } from "./kv-facts.ts";
import { isChange, type KvCall, KvProfiles } from "./kv-profiles.ts";
import type { KvScope } from "./kv-scope.ts";
import type { Model, Parts, Step } from "./linearization-search.ts";
import { NamedRevisions } from "./named-revisions.ts";
import { kvText, quoted } from "./narration.ts";
import type { StoreView } from "./store-view.ts";
import { FIRST_REVISION } from "./true-store.ts";

interface Version {
  readonly revision: number;
  /** Id of the call that wrote it. */
  readonly by: number;
  /** Null: deleted. */
  readonly kv: KeyValue | null;
  readonly older: Version | null;
}

/** A call without an answer, and the revision it is taken to have. */
interface Taken {
  readonly revision: number;
  readonly call: KvCall;
  readonly before: Taken | null;
}

export interface KvState {
  /** How many answered calls were made. */
  readonly answered: number;
  /** The newest version of each key in the scope. */
  readonly newest: readonly (Version | null)[];
  readonly taken: Taken | null;
}

export class KvModel implements Model<KvState, KvCall> {
  readonly initial: KvState;
  readonly resources: Parts;
  readonly facts: KvFacts;
  readonly #scope: KvScope;
  readonly #profiles: KvProfiles;
  /** Answered calls by their place. */
  readonly #ranked: readonly AnsweredKvCall[];
  readonly #given: ReadonlyMap<Call, number>;
  readonly #slots: FreeRevisions;
  readonly #named: NamedRevisions;
  readonly #readsThePast: boolean;

  /**
   * @param all all calls of the history
   * @param calls those that are to be ordered, with an answer or without
   * @param revisions of calls without an answer, if these are to be tried only
   */
  constructor(
    all: readonly Call[],
    scope: KvScope,
    calls: readonly KvCall[],
    revisions: ReadonlyMap<Call, number> = new Map(),
  ) {
    this.#scope = scope;
    this.#given = revisions;
    this.#profiles = new KvProfiles(calls, scope, revisions);
    this.#ranked = this.#profiles.ranked;
    this.facts = new KvFacts(this.#ranked, scope);
    this.#slots = new FreeRevisions(all);
    this.#named = new NamedRevisions(
      calls.map(({ request }) => request),
      scope,
    );
    this.resources = 1n << BigInt(scope.keys.length);
    this.#readsThePast = calls.some(({ request }) => rangesOf(request).some(({ revision }) => revision > 0));
    this.initial = { answered: 0, newest: scope.keys.map(() => null), taken: null };
  }

  rank(call: KvCall): number {
    return this.#profiles.of(call).rank;
  }

  touches(call: KvCall): Parts {
    return this.#profiles.of(call).touches;
  }

  changes(call: KvCall): Parts {
    return this.#profiles.of(call).changes;
  }

  depends(call: KvCall): Parts {
    return this.#profiles.of(call).depends;
  }

  step(state: KvState, call: KvCall): Step<KvState, KvCall> {
    return isAnsweredKv(call) ? this.#answered(state, call) : this.#unanswered(state, call);
  }

  /** The newest versions and the revisions used up; all that was, if old revisions are read. */
  key({ newest, taken }: KvState): string {
    const used: string[] = [];
    for (let one = taken; one !== null; one = one.before) {
      used.push(this.#readsThePast ? `${one.revision}#${one.call.id}` : String(one.revision));
    }
    let key = used.sort().join();
    for (const version of newest) {
      key += ";";
      if (version === null) continue;
      key += `${version.revision} ${version.by}`;
      if (version.kv !== null) key += ` ${version.kv.createRevision} ${version.kv.version}`;
    }
    return key;
  }

  #answered(state: KvState, call: AnsweredKvCall): Step<KvState, KvCall> {
    const { revision } = call.outcome;
    const least = isChange(call) ? FIRST_REVISION + 1 : FIRST_REVISION;
    if (revision < least) return refuse(0n, `an empty store is at revision ${FIRST_REVISION} already`);
    const before = this.#ranked[state.answered - 1];
    if (isChange(call) && before !== undefined && isChange(before) && before.outcome.revision === revision) {
      return refuse(0n, `revision ${revision} is that of call #${before.id}`, before);
    }
    const missing = this.#missing(state, call, isChange(call) ? revision - 1 : revision);
    if (missing !== null) return missing;
    const { changes, discrepancy } = executeAnswered(this.#view(state), call);
    if (discrepancy !== null) return refuse(this.#scope.parts(discrepancy.blamed), discrepancy.text);
    const written = this.#write(state.newest, changes, revision, call.id);
    if ("reason" in written) return written;
    return accept({ answered: state.answered + 1, newest: written, taken: state.taken });
  }

  /** Tries each revision that is free for the call. */
  #unanswered(state: KvState, call: KvCall): Step<KvState, KvCall> {
    const { after, last, blocked } = this.#window(state, call);
    const states: KvState[] = [];
    const spares: KvState[] = [];
    let conflict = blocked;
    let reason = `there is no free revision for it between ${after} and ${last + 1}`;
    /** The last one tried, of those that nobody could tell from the next. */
    let tried = Number.POSITIVE_INFINITY;
    for (const revision of this.#candidates(call, after, last)) {
      const holder = takenAt(state, revision);
      if (holder !== null) {
        conflict |= this.changes(holder) | this.resources;
        continue;
      }
      const isSeen = this.facts.at(revision).length > 0;
      const { places } = this.#profiles.of(call);
      const isSpare = !isSeen && tried <= revision && !this.#named.isAnyBetween(places, tried, revision);
      if (!isSpare) tried = isSeen ? Number.POSITIVE_INFINITY : revision;
      const step = this.#unansweredAt(state, call, revision);
      (isSpare ? spares : states).push(...step.states);
      conflict |= step.conflict;
      if (step.reason !== "") ({ reason } = step);
    }
    return { states, spares, conflict, reason };
  }

  /** Revisions between which a call without an answer must be, and what else keeps it there. */
  #window(state: KvState, call: KvCall): { after: number; last: number; blocked: Parts } {
    const { touches } = this.#profiles.of(call);
    const first = Math.max(this.#slots.before(call), this.#lastTouched(state, touches));
    const next = this.#ranked[state.answered];
    // After the last answer, nothing could tell.
    const last = next === undefined ? first : isChange(next) ? next.outcome.revision - 1 : next.outcome.revision;
    let after = first;
    let blocked = 0n;
    for (let one = state.taken; one !== null; one = one.before) {
      if (one.revision <= first || (this.touches(one.call) & touches) === 0n) continue;
      after = Math.max(after, one.revision);
      blocked |= this.changes(one.call) | this.resources;
    }
    return { after, last, blocked };
  }

  #candidates(call: KvCall, after: number, last: number): readonly number[] {
    const free = this.#slots.between(after, last);
    const given = this.#given.get(call);
    return given === undefined ? free : free.filter((revision) => revision === given);
  }

  /** What a call without an answer may leave behind at a revision. */
  #unansweredAt(state: KvState, call: KvCall, revision: number): Step<KvState, KvCall> {
    const { depends } = this.#profiles.of(call);
    const missing = this.#missing(state, call, revision - 1);
    if (missing !== null) return missing;
    const seen = this.facts.at(revision);
    const states: KvState[] = [];
    let conflict = 0n;
    let reason = "";
    for (const changes of possibleEffects(this.#view(state), call.request, revision)) {
      if (changes.length === 0) continue;
      if (!seen.every(({ key }) => changes.some((change) => change.key === key))) {
        reason = `revision ${revision} was seen to be another change`;
        continue;
      }
      const written = this.#write(state.newest, changes, revision, call.id);
      if ("reason" in written) {
        conflict |= written.conflict | depends;
        ({ reason } = written);
      } else {
        const taken = { revision, call, before: state.taken };
        states.push({ answered: state.answered, newest: written, taken });
      }
    }
    if (states.length > 0 || reason !== "") return { states, conflict, reason };
    return refuse(depends, "it would change nothing");
  }

  /** The revision of the last answered call that touched some parts. */
  #lastTouched({ answered }: KvState, parts: Parts): number {
    for (let at = answered - 1; at >= 0; at--) {
      const call = this.#ranked[at] as AnsweredKvCall;
      if ((this.touches(call) & parts) !== 0n) return call.outcome.revision;
    }
    return FIRST_REVISION;
  }

  /** A version of a key that a call touches that was seen, but has not been written by a revision. */
  #missing({ newest }: KvState, call: KvCall, upTo: number): Step<KvState, KvCall> | null {
    for (const at of this.#profiles.of(call).places) {
      const fact = this.facts.next(at, newest[at]?.revision ?? 0);
      if (fact === null || fact.revision > upTo) continue;
      return refuse(1n << BigInt(at), `${factText(fact)}, but nothing in this order has written it`, fact.witness);
    }
    return null;
  }

  /** The newest versions with some changes, unless what was seen of the keys later speaks against it. */
  #write(
    newest: readonly (Version | null)[],
    changes: readonly KeyChange[],
    revision: number,
    by: number,
  ): readonly (Version | null)[] | Step<KvState, KvCall> {
    if (changes.length === 0) return newest;
    const written = newest.slice();
    for (const { key, kv } of changes) {
      const at = this.#scope.placeOf(key);
      written[at] = { revision, by, kv, older: written[at] ?? null };
    }
    for (const { key } of changes) {
      const at = this.#scope.placeOf(key);
      const seen = this.facts.at(revision).find((fact) => fact.key === key);
      if (seen !== undefined && !changes.some((change) => change.key === key && fits(seen, change.kv))) {
        return refuse(1n << BigInt(at), `${factText(seen)}, but this writes ${changeText(changes, key)}`, seen.witness);
      }
      const next = this.facts.next(at, revision);
      const refuted = refutation(written[at]?.kv ?? null, revision, next);
      if (refuted !== null) return refuse(1n << BigInt(at), refuted, next?.witness);
    }
    return written;
  }

  #view({ newest }: KvState): StoreView {
    const scope = this.#scope;
    return {
      covers: (range) => scope.covers(range),
      living(range: KeyRange, revision: number | null): readonly KeyValue[] {
        const living: KeyValue[] = [];
        const { from, to } = scope.places(range);
        for (let at = from; at < to; at++) {
          let version = newest[at] ?? null;
          while (revision !== null && version !== null && version.revision > revision) version = version.older;
          if (version !== null && version.kv !== null) living.push(version.kv);
        }
        return living;
      },
    };
  }
}

function accept(state: KvState): Step<KvState, KvCall> {
  return { states: [state], conflict: 0n, reason: "" };
}

function refuse(conflict: Parts, reason: string, witness?: KvCall): Step<KvState, KvCall> {
  return { states: [], conflict, reason, ...(witness && { witness }) };
}

function takenAt({ taken }: KvState, revision: number): KvCall | null {
  for (let one = taken; one !== null; one = one.before) if (one.revision === revision) return one.call;
  return null;
}

function changeText(changes: readonly KeyChange[], key: ByteString): string {
  const kvs = changes.filter((change) => change.key === key).map(({ kv }) => kv);
  return kvs.map((kv) => (kv === null ? `a deletion of ${quoted(key)}` : kvText(kv))).join(", ");
}
