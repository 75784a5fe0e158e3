/**
 * What one client may count on from call to call (Terry et al. 1994), though it also reads serializably, that is from
 * what a member happens to have:
 *
 * - serializable reads tell a state that once was, that of the revision in their header, exactly;
 * - monotonic reads: on one member that state never goes back, as long as its process lives;
 * - read your writes: a linearizable read sees the client's own acknowledged writes;
 * - writes follow reads: a change comes after all that its client had read before, on whatever member.
 */
import type { ByteString, KeyValue } from "../../wire/kv.ts";
import type { History, HistoryChecker, Violation } from "../history.ts";
import { type AnsweredKvCall, hasChanged, isAnsweredKv, isSerializable, madeOps, tellsAll } from "./client-calls.ts";
import { isInRange, type KeyRange } from "./key-range.ts";
import { executeAnswered } from "./kv-execution.ts";
import { callTable, callText, kvText, quoted, violation } from "./narration.ts";
import { TrueStore } from "./true-store.ts";

const NAME = "session guarantees";

export const sessionGuarantees: HistoryChecker = {
  name: NAME,
  source: "Terry et al. 1994, Session Guarantees for Weakly Consistent Replicated Data; etcd docs: serializable reads",
  check(history, truth) {
    const store = new TrueStore(truth);
    const clients = new Map<number, ClientSession>();
    for (const call of inOrder(history)) {
      const session = clients.get(call.client) ?? new ClientSession(store);
      clients.set(call.client, session);
      const found = session.take(call);
      if (found !== null) return found;
    }
    return null;
  },
};

function inOrder({ calls }: History): AnsweredKvCall[] {
  return calls.filter(isAnsweredKv).sort((a, b) => a.invoked.order - b.invoked.order);
}

/** One client's calls, in their order: it has one under way at a time. */
class ClientSession {
  readonly #store: TrueStore;
  /** The last serializable read of each life of a member's process: a restarted one may have applied less. */
  readonly #readOf = new Map<string, AnsweredKvCall>();
  /** The call that saw the newest revision, in any way. */
  #newest: AnsweredKvCall | null = null;
  /** The newest change of its own, of all keys and of each that it put. */
  #written: AnsweredKvCall | null = null;
  readonly #puts = new Map<ByteString, AnsweredKvCall>();

  constructor(store: TrueStore) {
    this.#store = store;
  }

  take(call: AnsweredKvCall): Violation | null {
    const found = isSerializable(call.request) ? this.#serializable(call) : this.#linearizable(call);
    if (this.#newest === null || call.outcome.revision > this.#newest.outcome.revision) this.#newest = call;
    return found;
  }

  #serializable(call: AnsweredKvCall): Violation | null {
    const { revision } = call.outcome;
    const process = `${call.member} ${call.life}`;
    const before = this.#readOf.get(process);
    if (before !== undefined && before.outcome.revision > revision) {
      const went = `went back on member ${call.member} from revision ${before.outcome.revision} to ${revision}`;
      return tell(`not monotonic: the reads of client ${call.client} ${went}`, [before, call]);
    }
    this.#readOf.set(process, call);
    if (revision > this.#store.revision) {
      return tell(`${callText(call)} read revision ${revision}, but the log ends at ${this.#store.revision}`, [call]);
    }
    const committed = this.#store.change(revision)?.committed;
    if (committed !== undefined && committed.order > call.returned.order) {
      return tell(`${callText(call)} read revision ${revision} before it was committed`, [call]);
    }
    const { discrepancy } = executeAnswered(this.#store.at(revision), call);
    if (discrepancy === null) return null;
    return tell(`${callText(call)} is not what was at revision ${revision}: ${discrepancy.text}`, [call]);
  }

  #linearizable(call: AnsweredKvCall): Violation | null {
    const { revision, result } = call.outcome;
    if (!hasChanged(result)) return this.#readsItsWrites(call);
    if (this.#newest !== null && revision <= this.#newest.outcome.revision) {
      const seen = `${callText(this.#newest)} had seen ${this.#newest.outcome.revision}`;
      return tell(`writes do not follow reads: ${callText(call)} has revision ${revision}, but ${seen} before`, [
        this.#newest,
        call,
      ]);
    }
    const found = this.#readsItsWrites(call);
    this.#written = call;
    for (const op of madeOps(call)) {
      if (op.type === "put") this.#puts.set(op.request.key, call);
      if (op.type === "deleteRange") this.#forget(op.request);
    }
    return found;
  }

  #forget(range: KeyRange): void {
    for (const key of this.#puts.keys()) if (isInRange(key, range)) this.#puts.delete(key);
  }

  #readsItsWrites(call: AnsweredKvCall): Violation | null {
    const { revision } = call.outcome;
    if (this.#written !== null && revision < this.#written.outcome.revision) {
      const own = `${callText(this.#written)} at ${this.#written.outcome.revision}`;
      return tell(`its own write is not read: ${callText(call)} read revision ${revision}, after ${own}`, [
        this.#written,
        call,
      ]);
    }
    for (const op of madeOps(call)) {
      if (op.type !== "range" || op.request.revision > 0) continue;
      for (const kv of op.response.result.kvs) {
        const put = this.#puts.get(kv.key);
        if (put === undefined || kv.modRevision >= put.outcome.revision) continue;
        const own = `after ${callText(put)} at ${put.outcome.revision}`;
        return tell(`its own write is not read: ${callText(call)} saw ${kvText(kv)}, ${own}`, [put, call]);
      }
      const lost = tellsAll(op.request) ? this.#lostPut(call, op.request, op.response.result.kvs) : null;
      if (lost !== null) return lost;
    }
    return null;
  }

  /** A key of its own that is read to be absent must have been deleted by somebody. */
  #lostPut(call: AnsweredKvCall, range: KeyRange, found: readonly KeyValue[]): Violation | null {
    const { revision, result } = call.outcome;
    // A change may have deleted the key itself; what it tells is checked with its effect.
    if (hasChanged(result) || revision > this.#store.revision) return null;
    for (const [key, put] of this.#puts) {
      if (!isInRange(key, range) || found.some((kv) => kv.key === key)) continue;
      if (this.#store.get(key, revision) === null) continue;
      const own = `after ${callText(put)} at ${put.outcome.revision}, and nobody has deleted it`;
      return tell(`its own write is not read: ${callText(call)} found no ${quoted(key)}, ${own}`, [put, call]);
    }
    return null;
  }
}

function tell(sentence: string, calls: readonly AnsweredKvCall[]): Violation {
  return violation(NAME, sentence, callTable(calls));
}
