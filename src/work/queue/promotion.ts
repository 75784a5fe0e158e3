/** Brings delayed messages into their lanes when they are due. Any consumer may; the transaction lets one. */
import { deleteOp, isCreatedAt, putOp, rangeRequest } from "../../kv/requests.ts";
import type { Wait } from "../../kv/wait.ts";
import type { Store } from "../../store/store.ts";
import type { Combiner } from "../combiner.ts";
import { keyPart } from "../names.ts";
import { moment, Stamps } from "../stamps.ts";
import { decodeStored } from "./envelope.ts";
import { type Layout, tokenOf } from "./layout.ts";
import { entryOf } from "./sender.ts";

const MOST = 32;

/** Returns how many there were. Those that could not get into their line come again: another was quicker. */
export async function promote(store: Store, layout: Layout, combiner: Combiner, wait: Wait): Promise<number> {
  const from = layout.allDelayed;
  const rangeEnd = `${from}${moment(store.clock.wallClock() + 1)}`;
  const { kvs } = await wait.for(store.range(rangeRequest(from, { rangeEnd, limit: MOST }), wait.call()));
  const stamps = new Stamps(store);
  const steps = kvs.map(async (kv) => {
    const { envelope } = decodeStored(kv.key, kv.value);
    const part = envelope.k === undefined ? null : keyPart(envelope.k, "a message's key");
    const entry = entryOf(layout, envelope, part, stamps.next(), tokenOf(kv.key), 0);
    const { succeeded } = await combiner.add({
      request: {
        compare: [isCreatedAt(kv.key, kv.createRevision), ...entry.compare],
        success: [deleteOp(kv.key), putOp(entry.key, kv.value)],
        failure: [],
      },
      marks: entry.marks,
    });
    return succeeded;
  });
  return (await Promise.all(steps)).filter(Boolean).length;
}
