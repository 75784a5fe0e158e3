/** What is known of calls to the keyspace before any order of them is tried. */
import { assert } from "../../errors.ts";
import type { Call } from "../history.ts";
import { type AnsweredKvCall, hasChanged, isAnsweredKv, type KvRequest } from "./client-calls.ts";
import type { KvScope } from "./kv-scope.ts";
import type { Parts } from "./linearization-search.ts";

export type KvCall = Call & { readonly request: KvRequest };

export interface KvProfile {
  readonly touches: Parts;
  /** Nothing for an answered call that says so. */
  readonly changes: Parts;
  readonly depends: Parts;
  /** The keys it touches, as places. */
  readonly places: readonly number[];
  /** Place among the calls whose revision is known; -1: it is not. */
  readonly rank: number;
}

/** A call whose revision is known. */
interface Placed {
  readonly call: KvCall;
  readonly revision: number;
  readonly isRead: boolean;
}

export class KvProfiles {
  /** Answered calls in the only order that their revisions allow: reads of one revision may stand as they were invoked. */
  readonly ranked: readonly AnsweredKvCall[];
  readonly #profiles = new Map<KvCall, KvProfile>();

  /** @param revisions of calls without an answer, where they are known */
  constructor(calls: readonly KvCall[], scope: KvScope, revisions: ReadonlyMap<Call, number>) {
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
    this.ranked = placed.map(({ call }) => call).filter(isAnsweredKv);
    const ranks = new Map<KvCall, number>(placed.map(({ call }, rank) => [call, rank]));
    for (const call of calls) this.#profiles.set(call, profile(call, scope, ranks.get(call) ?? -1));
  }

  of(call: KvCall): KvProfile {
    const found = this.#profiles.get(call);
    assert(found !== undefined, `call ${call.id} is not in the model`);
    return found;
  }
}

/** Whether an answered call says that it changed something. */
export function isChange(call: AnsweredKvCall): boolean {
  return hasChanged(call.outcome.result);
}

function profile(call: KvCall, scope: KvScope, rank: number): KvProfile {
  const { reads, changes, depends } = scope.footprint(call.request);
  // What a call without an answer read, nobody saw.
  const touches = changes | depends | (isAnsweredKv(call) ? reads : 0n);
  const changed = isAnsweredKv(call) && !isChange(call) ? 0n : changes;
  return { touches, changes: changed, depends, places: placesIn(touches), rank };
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
