/**
 * What queues and tasks need of a session, said here so that this room knows no recipe: `coordination/quorate.ts` hands in
 * its own (`coordination/session.ts`), which does all of this.
 */
import type { Ending } from "../kv/wait.ts";
import type { CallOptions, Store } from "../store/store.ts";
import type { ByteString, LeaseId, ResponseOp, TxnRequest } from "../wire/kv.ts";

/** What became of a transaction. `responses` null: it was applied, and its answer was lost. */
export type Settled =
  | { readonly applied: true; readonly revision: number; readonly responses: readonly ResponseOp[] | null }
  | { readonly applied: false; readonly revision: number; readonly responses: readonly ResponseOp[] };

/** A lease that is kept alive, and writes in its name whose outcome becomes known. */
export interface WorkSession extends Ending {
  readonly id: LeaseId;
  readonly signal: AbortSignal;
  /** Whether it lives now. */
  check(): boolean;
  /** @throws QuorateError `SESSION_LOST`, `SESSION_CLOSED` */
  assertHeld(): void;
  /** 1, 2, 3, …: for names that are used once. */
  nextNumber(): number;
  readonly writes: {
    transact(request: TxnRequest, mark: { readonly key: ByteString; readonly value: ByteString }): Promise<Settled>;
  };
}

/** Always one that lives. */
export interface WorkSessions {
  readonly store: Store;
  current(options?: CallOptions): Promise<WorkSession>;
}
