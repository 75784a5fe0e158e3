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
import { assert } from "../../errors.ts";
import type { ByteString, KeyValue } from "../../wire/kv.ts";
import type { Call } from "../history.ts";
import { type AnsweredKvCall, hasChanged, isAnsweredKv, type KvRequest, rangesOf } from "./client-calls.ts";
import { FreeRevisions } from "./free-revisions.ts";
import type { KeyRange } from "./key-range.ts";
import { executeAnswered, type KeyChange, possibleEffects } from "./kv-execution.ts";
import { factText, fits, KvFacts, refutation } from "./kv-facts.ts";
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

interface Placed {
  readonly call: KvCall;
  readonly revision: number;
  readonly isRead: boolean;
}

/** What is known of a call before any search. */
interface Profile {
  readonly touches: Parts;
  readonly changes: Parts;
  readonly depends: Parts;
  /** What it touches, as places. */
  readonly places: readonly number[];
  /** Place among the calls whose revision is known; -1: it is not. */
  readonly rank: number;
}

export type KvCall = Call & { readonly request: KvRequest };

export class KvModel implements Model<KvState, KvCall> {
  readonly initial: KvState;
  readonly resources: Parts;
  readonly facts: KvFacts;
  readonly #scope: KvScope;
  readonly #profiles = new Map<KvCall, Profile>();
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
    const placed = calls
      .flatMap((call): Placed[] => {
        if (isAnsweredKv(call)) return [{ call, revision: call.outcome.revision, isRead: !isChange(call) }];
        const revision = revisions.get(call);
        return revision === undefined ? [] : [{ call, revision, isRead: false }];
      })
      .sort(
        (a, b) =>
          a.revision - b.revision || Number(a.isRead) - Number(b.isRead) || a.call.invoked.order - b.call.invoked.order,
      );
    this.#ranked = placed.map(({ call }) => call).filter(isAnsweredKv);
    const ranks = new Map<Call, number>(placed.map(({ call }, rank) => [call, rank]));
    for (const call of calls) this.#profiles.set(call, this.#profileOf(call, ranks.get(call) ?? -1));
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
    return this.#profile(call).rank;
  }

  touches(call: KvCall): Parts {
    return this.#profile(call).touches;
  }

  changes(call: KvCall): Parts {
    return this.#profile(call).changes;
  }

  depends(call: KvCall): Parts {
    return this.#profile(call).depends;
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

  #profileOf(call: KvCall, rank: number): Profile {
    const { reads, changes, depends } = this.#scope.footprint(call.request);
    // What a call without an answer read, nobody saw.
    const touches = changes | depends | (isAnsweredKv(call) ? reads : 0n);
    const changed = isAnsweredKv(call) && !isChange(call) ? 0n : changes;
    return { touches, changes: changed, depends, places: placesIn(touches), rank };
  }

  #profile(call: KvCall): Profile {
    const profile = this.#profiles.get(call);
    assert(profile !== undefined, `call ${call.id} is not in the model`);
    return profile;
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

  /** Takes each revision that is free for the call. */
  #unanswered(state: KvState, call: KvCall): Step<KvState, KvCall> {
    const { touches, depends, places } = this.#profile(call);
    const next = this.#ranked[state.answered];
    if (next === undefined) return refuse(0n, "nothing comes after it that could tell");
    const last = isChange(next) ? next.outcome.revision - 1 : next.outcome.revision;
    const first = Math.max(this.#slots.before(call), this.#lastTouched(state, touches));
    const states: KvState[] = [];
    const spares: KvState[] = [];
    let after = first;
    let conflict = 0n;
    for (let one = state.taken; one !== null; one = one.before) {
      if (one.revision <= first || (this.touches(one.call) & touches) === 0n) continue;
      after = Math.max(after, one.revision);
      conflict |= this.changes(one.call) | this.resources;
    }
    let reason = `there is no free revision for it between ${after} and ${last + 1}`;
    let tried = Number.POSITIVE_INFINITY;
    const given = this.#given.get(call);
    for (const revision of this.#slots.between(after, last)) {
      if (given !== undefined && revision !== given) continue;
      const holder = takenAt(state, revision);
      if (holder !== null) {
        conflict |= this.changes(holder) | this.resources;
        continue;
      }
      const missing = this.#missing(state, call, revision - 1);
      if (missing !== null) {
        conflict |= missing.conflict;
        reason = missing.reason;
        break;
      }
      const effects = possibleEffects(this.#view(state), call.request, revision);
      if (!effects.some((changes) => changes.length > 0)) {
        conflict |= depends;
        reason = "it would change nothing";
        break;
      }
      const seen = this.facts.at(revision);
      const isSpare = seen.length === 0 && tried <= revision && !this.#named.isAnyBetween(places, tried, revision);
      for (const changes of effects) {
        if (changes.length === 0 || !seen.every(({ key }) => changes.some((change) => change.key === key))) continue;
        const written = this.#write(state.newest, changes, revision, call.id);
        if ("reason" in written) {
          conflict |= written.conflict | depends;
          reason = written.reason;
          continue;
        }
        const taken = { revision, call, before: state.taken };
        (isSpare ? spares : states).push({ answered: state.answered, newest: written, taken });
      }
      if (!isSpare) tried = seen.length === 0 ? revision : Number.POSITIVE_INFINITY;
    }
    return { states, spares, conflict, reason };
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
    for (const at of this.#profile(call).places) {
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

function isChange(call: AnsweredKvCall): boolean {
  return hasChanged(call.outcome.result);
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

function placesIn(parts: Parts): number[] {
  const places: number[] = [];
  const digits = parts.toString(16);
  for (let digit = 0; digit < digits.length; digit++) {
    const bits = Number.parseInt(digits[digits.length - 1 - digit] as string, 16);
    for (let bit = 0; bit < 4; bit++) if ((bits >> bit) & 1) places.push(4 * digit + bit);
  }
  return places;
}
