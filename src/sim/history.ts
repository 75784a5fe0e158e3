/**
 * What the simulator's clients saw, and what the cluster's log says really happened: the two things that checkers hold
 * against each other.
 *
 * Times are true virtual milliseconds; two things at the same time happened in the order of their `order` numbers, which
 * count invocations, answers and watch messages of all clients in one sequence.
 */
import type { MemberId } from "../environment.ts";
import type {
  ByteString,
  DeleteRangeRequest,
  DeleteRangeResult,
  LeaseId,
  PutRequest,
  PutResult,
  RangeRequest,
  RangeResult,
  TxnRequest,
  TxnResult,
  WatchEvent,
} from "../wire/kv.ts";

/** A moment in the history: unique, and growing with time. */
export interface Moment {
  readonly at: number;
  readonly order: number;
}

export type ClientRequest =
  | { readonly type: "range"; readonly request: RangeRequest }
  | { readonly type: "put"; readonly request: PutRequest }
  | { readonly type: "deleteRange"; readonly request: DeleteRangeRequest }
  | { readonly type: "txn"; readonly request: TxnRequest }
  | { readonly type: "compact"; readonly revision: number }
  | { readonly type: "leaseGrant"; readonly id: LeaseId; readonly ttl: number }
  | { readonly type: "leaseRevoke"; readonly id: LeaseId }
  | { readonly type: "leaseKeepAlive"; readonly id: LeaseId };

export type ClientResult =
  | { readonly type: "range"; readonly result: RangeResult }
  | { readonly type: "put"; readonly result: PutResult }
  | { readonly type: "deleteRange"; readonly result: DeleteRangeResult }
  | { readonly type: "txn"; readonly result: TxnResult }
  | { readonly type: "compact" }
  /** `ttl` in seconds, as granted. */
  | { readonly type: "leaseGrant"; readonly ttl: number }
  | { readonly type: "leaseRevoke" }
  /** `ttl` in seconds; 0: there is no such lease any more. */
  | { readonly type: "leaseKeepAlive"; readonly ttl: number };

export type Outcome =
  /** `revision` is the header's. */
  | { readonly type: "answered"; readonly revision: number; readonly result: ClientResult }
  /** Answered with an error that says that nothing was done. `code` is the gRPC status. */
  | { readonly type: "refused"; readonly code: number; readonly message: string }
  /** Timed out, given up, or the connection broke: it may have happened, may happen yet, or never. */
  | { readonly type: "unknown"; readonly message: string };

/** One call of one client. A client has one call under way at a time. */
export interface Call {
  /** Unique, from 1. Values that a call writes contain it as `#<id>#`, so that each is written by one call only. */
  readonly id: number;
  readonly client: number;
  /** 0 until it was there for the first time: one that is about to join has no id yet. */
  member: MemberId;
  /** Which life of the member's process took it, 0: none; a restarted one may have applied less. */
  life: number;
  readonly request: ClientRequest;
  readonly invoked: Moment;
  /** Null while it is under way; a call still under way at the end counts as unknown. */
  returned: Moment | null;
  outcome: Outcome | null;
}

/** A message on a watch, as it came. */
export type WatchMessage =
  /** `revision` is the header's, as in all of them. */
  | { readonly type: "created"; readonly moment: Moment; readonly revision: number }
  | {
      readonly type: "events";
      readonly moment: Moment;
      readonly revision: number;
      /** More of the same revisions follow in the next message. */
      readonly fragment: boolean;
      readonly events: readonly WatchEvent[];
    }
  | { readonly type: "progress"; readonly moment: Moment; readonly revision: number }
  | {
      readonly type: "canceled";
      readonly moment: Moment;
      readonly revision: number;
      readonly compactRevision: number;
      readonly reason: string;
    };

/** One watch from its creation to the end of its stream; one that is taken up again elsewhere is another record. */
export interface WatchRecord {
  readonly client: number;
  readonly member: MemberId;
  readonly key: ByteString;
  readonly rangeEnd: ByteString;
  /** 0: from its creation on. */
  readonly startRevision: number;
  readonly prevKv: boolean;
  readonly noPut: boolean;
  readonly noDelete: boolean;
  readonly messages: WatchMessage[];
  /** Why the stream ended, if it did. */
  ended: string | null;
}

/** A write to a resource outside the cluster that refuses a fence smaller than one it has seen. */
export interface GuardedWrite {
  readonly lock: string;
  readonly client: number;
  /** The create revision of the lock's key. */
  readonly fence: number;
  readonly moment: Moment;
  readonly accepted: boolean;
}

export interface History {
  readonly calls: readonly Call[];
  readonly watches: readonly WatchRecord[];
  readonly guardedWrites: readonly GuardedWrite[];
  /** How much faster or slower than true time a member's clock may run, as a share of it. */
  readonly clockDrift: number;
}

/** What one revision changed. */
export interface TrueChange {
  readonly revision: number;
  /** In the order of their operations; with `prevKv` where there was a version before. */
  readonly events: readonly WatchEvent[];
  /** Position in the log. */
  readonly index: number;
  /** When a member first gave it out as committed. */
  readonly committed: Moment;
  /** A lease that was revoked, by a client or because it expired; null: a client's write. */
  readonly revokedLease: LeaseId | null;
}

export interface TrueLease {
  readonly id: LeaseId;
  /** Seconds. */
  readonly ttl: number;
  readonly granted: Moment;
  /** Null: alive at the end. */
  readonly revoked: Moment | null;
  /** The store's revision right after it was revoked. */
  readonly revokedRevision: number | null;
}

/** The cluster's one history, from the committed log applied by a replica of its own. */
export interface Truth {
  /** `changes[i]` is revision i + 2: an empty store is at revision 1. */
  readonly changes: readonly TrueChange[];
  readonly leases: readonly TrueLease[];
  readonly compactions: readonly { readonly revision: number; readonly committed: Moment }[];
}

export interface Violation {
  /** The checker's name. */
  readonly property: string;
  /** One sentence with the facts, then lines that explain it. */
  readonly message: string;
}

export interface HistoryChecker {
  readonly name: string;
  /** Where the property is defined. */
  readonly source: string;
  check(history: History, truth: Truth): Violation | null;
}
