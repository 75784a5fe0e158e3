/**
 * Works through a line that was claimed: one message after the other, in their order, until it is empty or it has had its
 * share.
 *
 *     claimed ─▶ read ─▶ begin ─▶ delivered ─▶ gone ─▶ next …      empty: claim and mark go, if it is still empty then
 *                          ▲          └─ retry: after a while ┐
 *                          └──────────────────────────────────┘
 */
import { deleteOp, getOp, isAbsent, isCreatedAt, prefixRange, putOp, rangeRequest } from "../../kv/requests.ts";
import { Wait } from "../../kv/wait.ts";
import type { Store } from "../../store/store.ts";
import type { KeyValue } from "../../wire/kv.ts";
import { fenced } from "../errors.ts";
import type { Ended, Found } from "./delivery.ts";
import { decodeStored } from "./envelope.ts";
import { type Layout, tokenOf } from "./layout.ts";
import { begin, begunBefore, type ClaimedLine } from "./search.ts";

const PAGE = 16;
/** Messages until others' lines get their turn. */
const SHARE = 64;

/** Delivers one message; `ended` is called with what became of it. */
export type Deliver = (found: Found, begun: number, ended: (ended: Ended) => void) => Promise<void>;

/** Resolves when the line is given back, or was lost. */
export async function runLine(
  store: Store,
  layout: Layout,
  line: ClaimedLine,
  deliver: Deliver,
  isClosing: () => boolean,
): Promise<void> {
  const { claim, lane, part } = line;
  const { key, rangeEnd } = prefixRange(layout.line(lane, part));
  using wait = new Wait(store.clock, { signal: claim.signal });
  let count = 0;
  try {
    while (claim.held) {
      const { kvs } = await wait.for(store.range(rangeRequest(key, { rangeEnd, limit: PAGE }), wait.call()));
      for (const kv of kvs) {
        if (isClosing() || count >= SHARE) break;
        await deliverUntilGone(kv);
        count += 1;
      }
      if (isClosing() || count >= SHARE) {
        const marks = [layout.wake(lane)];
        await claim.write({ request: { compare: [], success: [claim.release], failure: [] }, marks });
        return;
      }
      if (kvs.length < PAGE && (await finish())) return;
    }
  } finally {
    claim.end(fenced(claim.what));
  }

  async function finish(): Promise<boolean> {
    const mark = layout.lineMark(lane, part);
    const request = {
      compare: [isAbsent(key, rangeEnd)],
      success: [claim.release, deleteOp(mark)],
      failure: [getOp(claim.key, { keysOnly: true })],
    };
    const { succeeded } = await claim.write({ request });
    return succeeded;
  }

  async function deliverUntilGone(kv: KeyValue): Promise<void> {
    const token = tokenOf(kv.key);
    const found = { key: kv.key, createRevision: kv.createRevision, token, stored: decodeStored(kv.key, kv.value) };
    while (claim.held && !isClosing()) {
      const stepped = await claim.write({
        request: {
          compare: [isCreatedAt(kv.key, kv.createRevision)],
          success: [begin(layout.begun(token))],
          failure: [],
        },
      });
      if (!stepped.succeeded) return;
      const begun = await begunBefore(store, layout, token, stepped, 0);
      if (begun > 0) {
        const again = putOp(layout.begun(token), `${begun + 1}`);
        await claim.write({ request: { compare: [], success: [again], failure: [] } });
      }
      const { promise, resolve } = Promise.withResolvers<Ended>();
      await deliver(found, begun, resolve);
      const ended = await wait.for(promise);
      if (ended === "gone") return;
      if (ended !== "back" && ended.againInMs > 0) await wait.sleep(ended.againInMs);
    }
  }
}
