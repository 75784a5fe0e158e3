/**
 * Revisions that requests name for some keys: to compare with, to filter by, to read at. Two revisions for one and the
 * same change make no difference to any answer, unless one of these lies between them.
 */
import { CompareTarget, type RangeRequest } from "../../wire/kv.ts";
import { type KvRequest, visitCompares, visitOps } from "./client-calls.ts";
import type { KeyRange } from "./key-range.ts";
import type { KvScope } from "./kv-scope.ts";

export class NamedRevisions {
  /** By the key's place, in order. */
  readonly #named: number[][];

  constructor(requests: Iterable<KvRequest>, scope: KvScope) {
    const named = scope.keys.map(() => new Set<number>());
    const name = (range: KeyRange, revision: number): void => {
      if (revision <= 0) return;
      const { from, to } = scope.places(range);
      for (let place = from; place < to; place++) named[place]?.add(revision);
    };
    for (const request of requests) {
      visitCompares(request, (compare) => {
        if (compare.target === CompareTarget.mod) name(compare, compare.modRevision);
        if (compare.target === CompareTarget.create) name(compare, compare.createRevision);
      });
      visitOps(request, (op) => {
        if (op.type === "range") for (const revision of revisionsIn(op.request)) name(op.request, revision);
      });
    }
    this.#named = named.map((revisions) => [...revisions].sort((a, b) => a - b));
  }

  /** Whether a revision is named for one of some keys, from one up to and with another. */
  isAnyBetween(places: readonly number[], from: number, to: number): boolean {
    return places.some((place) => this.#named[place]?.some((revision) => revision >= from && revision <= to) === true);
  }
}

function revisionsIn(request: RangeRequest): number[] {
  const { revision, minModRevision, maxModRevision, minCreateRevision, maxCreateRevision } = request;
  return [revision, minModRevision, maxModRevision, minCreateRevision, maxCreateRevision];
}
