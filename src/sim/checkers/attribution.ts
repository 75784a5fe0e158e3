/** Which call made a change of the log, where no answer tells. */
import type { Call, TrueChange } from "../history.ts";
import { assign } from "./assignment.ts";
import { isKvRequest, isUnknown, visitOps } from "./client-calls.ts";
import { isInRange } from "./key-range.ts";
import { isSame } from "./key-values.ts";
import { type KeyChange, possibleEffects } from "./kv-execution.ts";
import type { TrueStore } from "./true-store.ts";

/**
 * A call of unknown outcome for each of some changes, no call for two: one that was invoked before the change, and would
 * have had exactly this effect at its revision. Null where there is none left.
 */
export function attribute(
  changes: readonly TrueChange[],
  calls: readonly Call[],
  store: TrueStore,
): readonly (Call | null)[] {
  return assign(changes, calls.filter(isUnknown), (change, call) => couldMake(call, change, store));
}

function couldMake({ request, invoked }: Call, change: TrueChange, store: TrueStore): boolean {
  if (!isKvRequest(request) || invoked.order > change.committed.order) return false;
  const key = change.events[0]?.kv.key ?? "";
  let touches = false;
  visitOps(request, (op) => {
    if (op.type === "put") touches ||= op.request.key === key;
    if (op.type === "deleteRange") touches ||= isInRange(key, op.request);
  });
  if (!touches) return false;
  const effects = possibleEffects(store.at(change.revision - 1), request, change.revision);
  return effects.some((effect) => isEffect(effect, change));
}

/** Whether changes are exactly those of a revision, one by one. */
export function isEffect(changes: readonly KeyChange[], { events, revision }: TrueChange): boolean {
  if (changes.length !== events.length) return false;
  return changes.every(({ key, kv }, at) => {
    const event = events[at];
    if (event === undefined || event.kv.key !== key || (kv === null) !== (event.type === "delete")) return false;
    return kv === null ? event.kv.modRevision === revision : isSame(kv, event.kv);
  });
}
