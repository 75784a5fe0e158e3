/**
 * The waist of the house: everything a user calls is written against `Store`, and everything below implements it.
 *
 * A store is one etcd v3 keyspace: ranges, transactions (a put or a delete is one of one operation), leases, watches.
 * It runs in a thread of this process (`server/thread/`), or anywhere behind etcd's protocol (`remote/`: a cluster of
 * Quorate or a real etcd); who uses it cannot tell.
 *
 * What every implementation promises:
 * - A write that may or may not have taken effect is rejected with `OUTCOME_UNKNOWN`, and is never repeated by the store.
 *   Any other rejection of a write means that it had no effect.
 * - Reads are repeated elsewhere as long as their time lasts.
 * - A watch gives every change once and in order, through any failure, or ends with an error. It is never silently deaf.
 * - Every call ends: with its `signal`, after its `timeoutMs`, or with `CLOSED` when the store is closed.
 *
 * Keys and values are byte strings (`wire/kv.ts`), revisions numbers, lease ids bigints. Must not know: recipes, values
 * that are not bytes, how a connection works.
 */
import type { Clock, Random } from "../environment.ts";
import type {
  DeleteRangeResult,
  LeaseId,
  PutRequest,
  PutResult,
  RangeRequest,
  RangeResult,
  ResponseHeader,
  TxnRequest,
  TxnResult,
  WatchEvent,
} from "../wire/kv.ts";

/** When a call is given up; the last parameter of every call. */
export interface CallOptions {
  /** Gives the call up. A write that has left may have taken effect: it is rejected with `OUTCOME_UNKNOWN`. */
  readonly signal?: AbortSignal;
  /** From the call on; the store's own default unless given. */
  readonly timeoutMs?: number;
}

/**
 * How fresh a read is.
 * - `linearizable`: everything that was acknowledged to anybody before the read began.
 * - `serializable`: whatever the member that answers knows; may be old.
 * - `session`: everything this store object has written or read before (read your writes, monotonic reads), on any
 *   member; costs a round of the cluster only where a member lags.
 * - `{ maxStalenessMs }`: everything that was acknowledged that long before the read began.
 */
export type Consistency = "linearizable" | "serializable" | "session" | { readonly maxStalenessMs: number };

/** How fresh a read must be, and when it is given up. */
export interface ReadOptions extends CallOptions {
  /** Default: linearizable. It takes the place of the request's `serializable`. */
  readonly consistency?: Consistency;
}

/**
 * A reply with the header that came with it; `header.revision` is the keyspace's when it was answered. No other header
 * (of a renewal, of a lease's state) says anything that a caller could rely on, so those calls give none.
 */
export type Reply<Result> = Result & { readonly header: ResponseHeader };

/** A lease that was granted. */
export interface LeaseGrant {
  readonly id: LeaseId;
  /** What the store granted, which may be more than was asked for; seconds. */
  readonly ttlSeconds: number;
  /** When the request left, on `Store.clock`, ms: the lease holds at least until then + its time to live. */
  readonly sentAt: number;
}

/** A lease that was renewed, or is gone. */
export interface LeaseRenewal {
  /** 0: there is no such lease any more. */
  readonly ttlSeconds: number;
  /** As in `LeaseGrant`. */
  readonly sentAt: number;
}

/** What the store knows of a lease. */
export interface LeaseState {
  readonly id: LeaseId;
  /** Seconds left; -1: there is no such lease any more. */
  readonly ttlSeconds: number;
  readonly grantedTtlSeconds: number;
  /** Only where asked for. */
  readonly keys: readonly string[];
}

/** What to watch, and from where on. */
export interface WatchRequest {
  readonly key: string;
  /** As in `RangeRequest`. */
  readonly rangeEnd: string;
  /** The first revision to tell of; 0: from the watch's start on. */
  readonly startRevision: number;
  readonly prevKv: boolean;
  /** Types of events to leave out. */
  readonly without: readonly WatchEvent["type"][];
  /** Also give batches without events, which say up to which revision nothing is missing. */
  readonly progress: boolean;
}

/** All changes of one revision that the watch sees, or, without events, a mark of progress. Never part of a revision. */
export interface WatchBatch {
  /** All events up to and including this revision have been given. */
  readonly revision: number;
  readonly events: readonly WatchEvent[];
}

/**
 * Batches in the order of revisions. Ends without an error when its consumer stops, its signal is aborted, or the store
 * is closed.
 * @throws QuorateError `COMPACTED` if changes that it must tell of are not there any more: read anew, and watch from there.
 *   `CLOSED` if nobody asked for the store's end: `cause` says why.
 */
export interface Watch extends AsyncIterable<WatchBatch> {
  /**
   * Resolves with the revision from which on nothing is missed, once the watch is in place for the first time. Rejects if
   * it ends before; nobody has to look.
   */
  readonly ready: Promise<number>;
}

/**
 * Where the store stands.
 * - `connecting`: no member was reached yet, or all were lost.
 * - `connected`: calls are answered.
 * - `leaderless`: members are reached, but say that there is no leader.
 * - `closed`: for good; `error` says why, null: as it was told.
 */
export type StoreState =
  | { readonly is: "connecting"; readonly error: Error | null }
  | { readonly is: "connected"; readonly endpoint: string }
  | { readonly is: "leaderless"; readonly endpoint: string }
  | { readonly is: "closed"; readonly error: Error | null };

/** One keyspace, wherever it is; what everything else is written against. */
export interface Store extends AsyncDisposable {
  /** The time by which leases are held and calls time out: real, or a test's. */
  readonly clock: Clock;
  readonly random: Random;

  range(request: RangeRequest, options?: ReadOptions): Promise<Reply<RangeResult>>;
  put(request: PutRequest, options?: CallOptions): Promise<Reply<PutResult>>;
  deleteRange(
    request: { readonly key: string; readonly rangeEnd: string; readonly prevKv: boolean },
    options?: CallOptions,
  ): Promise<Reply<DeleteRangeResult>>;
  /** A transaction without a write in either branch is a read: it is repeated, and takes a consistency. */
  txn(request: TxnRequest, options?: ReadOptions): Promise<Reply<TxnResult>>;
  /** Forgets all versions before `revision`. */
  compact(revision: number, options?: CallOptions): Promise<ResponseHeader>;

  /** @param id 0n: the store chooses. A caller's own id makes an unknown outcome knowable: ask for its state. */
  grantLease(ttlSeconds: number, id?: LeaseId, options?: CallOptions): Promise<LeaseGrant>;
  revokeLease(id: LeaseId, options?: CallOptions): Promise<void>;
  /** Once. Calls of one turn share a stream. */
  keepLeaseAlive(id: LeaseId, options?: CallOptions): Promise<LeaseRenewal>;
  leaseState(id: LeaseId, withKeys: boolean, options?: CallOptions): Promise<LeaseState>;

  /**
   * Begins at once, whether or not it is iterated. What is not taken waits, up to a limit of the store; then the server
   * is held back, and if the changes are compacted before there is room again, the watch ends with COMPACTED.
   * @throws QuorateError CLOSED, ABORTED, INVALID_ARGUMENT
   */
  watch(request: WatchRequest, options?: Pick<CallOptions, "signal">): Watch;

  readonly state: StoreState;
  /** Every change of `state`, beginning with the present one; ends after `closed`. */
  states(): AsyncIterable<StoreState>;

  /**
   * Ends all calls with `CLOSED` (writes that have left: `OUTCOME_UNKNOWN`), and all watches without an error. Leases are
   * left to expire: who granted them revokes them before.
   */
  close(): Promise<void>;
}
