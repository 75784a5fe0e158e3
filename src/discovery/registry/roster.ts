/** Who is there: instances and orders as keys at one revision, put together. */
import { textOf } from "../../wire/byte-string.ts";
import type { KeyValue } from "../../wire/kv.ts";
import { decodeRecord, type Instance, type InstanceRecord } from "./instance.ts";
import { parseServiceKey } from "./keys.ts";

/** What somebody else has ordered of an instance. */
export type Order =
  /** Ends with the registration that had this fence when it was given. */
  | { readonly state: "draining"; readonly reason: string; readonly fence: string }
  /** Until it is taken back. */
  | { readonly state: "maintenance"; readonly reason: string };

/** All instances of the services whose keys these are, by service, in the order of their ids. Foreign keys are passed over. */
export function rosterOf(kvs: Iterable<KeyValue>): ReadonlyMap<string, readonly Instance[]> {
  const found: Instance[] = [];
  const orders = new Map<string, Order>();
  for (const kv of kvs) {
    const key = parseServiceKey(kv.key);
    if (key === null) continue;
    const { service, id, kind } = key;
    if (kind === "order") {
      const order = decodeOrder(textOf(kv.value));
      if (order !== null) orders.set(JSON.stringify([service, id]), order);
      continue;
    }
    const record = decodeRecord(textOf(kv.value));
    if (record === null) continue;
    found.push({ service, id, ...record, lease: kv.lease, fence: BigInt(kv.createRevision) });
  }
  const roster = new Map<string, Instance[]>();
  for (const instance of found.sort(byId)) {
    const { service, id } = instance;
    const order = orders.get(JSON.stringify([service, id]));
    const instances = roster.get(service) ?? [];
    instances.push(order === undefined ? instance : { ...instance, ...stateBy(instance, order) });
    roster.set(service, instances);
  }
  return roster;
}

/** An order changes only what serves: who is in maintenance by itself does not drain. */
function stateBy(instance: Instance, order: Order): Pick<InstanceRecord, "state" | "reason"> {
  const { state, reason } = order;
  const isPast = order.state === "draining" && order.fence !== String(instance.fence);
  return isPast || instance.state === "maintenance" ? instance : { state, reason };
}

export function encodeOrder(order: Order): string {
  return JSON.stringify(order);
}

/** Null: it was not written by this library. */
export function decodeOrder(text: string): Order | null {
  try {
    const order = JSON.parse(text) as Order;
    const isOne = order.state === "maintenance" || (order.state === "draining" && typeof order.fence === "string");
    return isOne && typeof order.reason === "string" ? order : null;
  } catch {
    return null;
  }
}

function byId(a: Instance, b: Instance): number {
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}
