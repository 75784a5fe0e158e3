/**
 * What answers say of the versions there were, for looking ahead: an answer with a key-value pair of revision 57 says
 * that somebody wrote this at 57, whenever it was given. An order of the calls in which nobody does is wrong at 57
 * already, not only where the answer comes.
 */
import type { ByteString, KeyValue } from "../../wire/kv.ts";
import { type AnsweredKvCall, madeOps } from "./client-calls.ts";
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
  /** By key, then in order of revision. */
  readonly #facts = new Map<ByteString, Fact[]>();
  readonly #byRevision = new Map<number, Fact[]>();
  /** The first two answers that contradict each other; null: none. */
  readonly contradiction: string | null;

  /** @param isWanted whether a key counts */
  constructor(calls: readonly AnsweredKvCall[], isWanted: (key: ByteString) => boolean) {
    const found = new Map<string, Fact>();
    let contradiction: string | null = null;
    for (const call of calls) {
      for (const fact of factsOf(call)) {
        if (!isWanted(fact.key)) continue;
        const name = `${fact.revision} ${fact.key}`;
        const known = found.get(name);
        if (known !== undefined && !agree(known, fact)) contradiction ??= contradictionText(known, fact);
        if (known === undefined || known.value === null) found.set(name, fact);
      }
    }
    this.contradiction = contradiction;
    for (const fact of [...found.values()].sort((a, b) => a.revision - b.revision)) {
      append(this.#facts, fact.key, fact);
      append(this.#byRevision, fact.revision, fact);
    }
  }

  /** The first version of a key after a revision. */
  next(key: ByteString, revision: number): Fact | null {
    const facts = this.#facts.get(key) ?? [];
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

function factsOf(call: AnsweredKvCall): Fact[] {
  return madeOps(call).flatMap((op): Fact[] => {
    switch (op.type) {
      case "range":
        return op.response.result.kvs.flatMap((kv) => factsOfKv(kv, call, !op.request.keysOnly));
      case "put":
        return op.response.result.prevKv === null ? [] : factsOfKv(op.response.result.prevKv, call, true);
      case "deleteRange":
        return op.response.result.prevKvs.flatMap((kv) => factsOfKv(kv, call, true));
    }
  });
}

/** A version says what it is, and when the key's life began. */
function factsOfKv(kv: KeyValue, witness: AnsweredKvCall, hasValue: boolean): Fact[] {
  const { key, createRevision, modRevision, version } = kv;
  const value = hasValue ? kv.value : null;
  const seen: Fact = { key, revision: modRevision, createRevision, version, value, witness };
  if (modRevision === createRevision) return [seen];
  return [seen, { key, revision: createRevision, createRevision, version: 1, value: null, witness }];
}

function agree(a: Fact, b: Fact): boolean {
  if (a.createRevision !== b.createRevision || a.version !== b.version) return false;
  return a.value === null || b.value === null || a.value === b.value;
}

function contradictionText(a: Fact, b: Fact): string {
  const both = `${callText(a.witness)} and ${callText(b.witness)} contradict each other`;
  return `${both}: ${factText(a)}, ${factText(b)}`;
}

function append<Key>(map: Map<Key, Fact[]>, key: Key, fact: Fact): void {
  const facts = map.get(key);
  if (facts === undefined) map.set(key, [fact]);
  else facts.push(fact);
}
