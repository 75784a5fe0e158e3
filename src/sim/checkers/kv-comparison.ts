/** A transaction's comparisons, and which way it goes by them. */
import { type Compare, CompareResult, CompareTarget, type KeyValue, type TxnRequest } from "../../wire/kv.ts";
import type { StoreView } from "./store-view.ts";

/** Whether a comparison holds for all keys in its range; null: the view does not cover them. */
export function holds(view: StoreView, compare: Compare): boolean | null {
  if (!view.covers(compare)) return null;
  const living = view.living(compare, null);
  return living.length === 0 ? holdsFor(null, compare) : living.every((kv) => holdsFor(kv, compare));
}

/** The ways that a transaction may go: more than one where the view does not cover what is compared. */
export function outcomes(view: StoreView, { compare }: TxnRequest): boolean[] {
  const held = compare.map((one) => holds(view, one));
  if (held.includes(false)) return [false];
  return held.includes(null) ? [true, false] : [true];
}

function holdsFor(kv: KeyValue | null, compare: Compare): boolean {
  // etcd: nothing holds for the value of a key that does not exist.
  if (kv === null && compare.target === CompareTarget.value) return false;
  const order = orderOf(kv, compare);
  switch (compare.result) {
    case CompareResult.equal:
      return order === 0;
    case CompareResult.greater:
      return order > 0;
    case CompareResult.less:
      return order < 0;
    case CompareResult.notEqual:
      return order !== 0;
    default:
      return true;
  }
}

function orderOf(kv: KeyValue | null, compare: Compare): number {
  switch (compare.target) {
    case CompareTarget.version:
      return (kv?.version ?? 0) - compare.version;
    case CompareTarget.create:
      return (kv?.createRevision ?? 0) - compare.createRevision;
    case CompareTarget.mod:
      return (kv?.modRevision ?? 0) - compare.modRevision;
    case CompareTarget.value:
      return sign(kv?.value ?? "", compare.value);
    case CompareTarget.lease:
      return sign(kv?.lease ?? 0n, compare.lease);
    default:
      return 0;
  }
}

function sign<T extends string | bigint>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
