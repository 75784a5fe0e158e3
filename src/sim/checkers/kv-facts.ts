/**
 * What answers say of the versions there were, for looking ahead: an answer with a key-value pair of revision 57 says
 * that somebody wrote this at 57, whenever it was given. An order of the calls in which nobody does is wrong at 57
 * already, not only where the answer comes.
 */
import type { ByteString, KeyValue } from "../../wire/kv.ts";
import { type AnsweredKvCall, forEachKv } from "./client-calls.ts";
import type { KvScope } from "./kv-scope.ts";
import { callText, kvText, quoted } from "./narration.ts";

export interface Fact {
  readonly key: ByteString;
  /** The version's `modRevision`. */
  readonly revision: number;
  readonly createRevision: number;
  readonly version: number;
  /** Null: not told. */
  readonly value: ByteString | null;
  readonly witness: AnsweredKvCall;
}

export class KvFacts {
  /** By the key's place, then in order of revision. */
  readonly #facts: readonly Fact[][];
  readonly #byRevision = new Map<number, Fact[]>();
  /** The first two answers that contradict each other, and how; null: none do. */
  contradiction: { readonly calls: readonly AnsweredKvCall[]; readonly text: string } | null = null;

  /** Gathers what answered calls say of the keys in a scope. */
  constructor(calls: readonly AnsweredKvCall[], scope: KvScope) {
    const found = scope.keys.map(() => new Map<number, Fact>());
    for (const call of calls) {
      forEachKv(call, (kv, hasValue) => {
        const seen = found[scope.placeOf(kv.key)];
        if (seen !== undefined) this.#add(seen, kv, hasValue, call);
      });
    }
    this.#facts = found.map((seen) => [...seen.values()].sort((a, b) => a.revision - b.revision));
    for (const fact of this.#facts.flat()) {
      const others = this.#byRevision.get(fact.revision);
      if (others === undefined) this.#byRevision.set(fact.revision, [fact]);
      else others.push(fact);
    }
  }

  /** A version says what it is, and when the key's life began. */
  #add(seen: Map<number, Fact>, kv: KeyValue, hasValue: boolean, witness: AnsweredKvCall): void {
    const { key, createRevision, modRevision, version } = kv;
    const value = hasValue ? kv.value : null;
    this.#say(seen, { key, revision: modRevision, createRevision, version, value, witness });
    if (modRevision === createRevision || seen.has(createRevision)) return;
    this.#say(seen, { key, revision: createRevision, createRevision, version: 1, value: null, witness });
  }

  #say(seen: Map<number, Fact>, fact: Fact): void {
    const known = seen.get(fact.revision);
    if (known !== undefined && !agree(known, fact)) {
      const text = contradictionText(known, fact);
      this.contradiction ??= { calls: [...new Set([known.witness, fact.witness])], text };
    }
    if (known === undefined || known.value === null) seen.set(fact.revision, fact);
  }

  /** The first version of the key at a place after a revision. */
  next(place: number, revision: number): Fact | null {
    const facts = this.#facts[place] ?? [];
    let low = 0;
    let high = facts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((facts[middle] as Fact).revision <= revision) low = middle + 1;
      else high = middle;
    }
    return facts[low] ?? null;
  }

  /** What was written at a revision, as far as it was seen. */
  at(revision: number): readonly Fact[] {
    return this.#byRevision.get(revision) ?? [];
  }
}

/** Why a key cannot be left like this at a revision, by what was seen of it later; null: it can. */
export function refutation(kv: KeyValue | null, revision: number, next: Fact | null): string | null {
  if (next === null || next.createRevision > revision) return null;
  // The next version that was seen is of the same life of the key.
  if (kv !== null && kv.createRevision === next.createRevision && kv.version < next.version) return null;
  const left = kv === null ? "deleted" : `left as ${kvText(kv)}`;
  return `${quoted(next.key)} is ${left} at revision ${revision}, but ${factText(next)}`;
}

/** Whether a version is what was seen. */
export function fits({ createRevision, version, value }: Fact, kv: KeyValue | null): boolean {
  if (kv === null) return false;
  return kv.createRevision === createRevision && kv.version === version && (value === null || kv.value === value);
}

export function factText({ key, revision, createRevision, version, value, witness }: Fact): string {
  const content = value === null ? "" : `=${quoted(value)}`;
  const seen = `${quoted(key)}${content}@${revision} (create ${createRevision}, version ${version})`;
  return `call #${witness.id} saw ${seen}`;
}

function agree(a: Fact, b: Fact): boolean {
  if (a.createRevision !== b.createRevision || a.version !== b.version) return false;
  return a.value === null || b.value === null || a.value === b.value;
}

function contradictionText(a: Fact, b: Fact): string {
  const both = `${callText(a.witness)} and ${callText(b.witness)} contradict each other`;
  return `${both}: ${factText(a)}, ${factText(b)}`;
}
