/**
 * What a registration needs of a session, said here so that this room knows no recipe: `coordination/quorate.ts` hands in
 * its own (`coordination/session.ts`), which does all of this.
 */
import type { Ending, Wait } from "../../kv/wait.ts";
import type { CallOptions, Store } from "../../store/store.ts";
import type { ByteString, LeaseId, ResponseOp, TxnRequest } from "../../wire/kv.ts";

/** What became of a transaction. `responses` null: it was applied, and its answer was lost. */
export type Settled =
  | { readonly applied: true; readonly revision: number; readonly responses: readonly ResponseOp[] | null }
  | { readonly applied: false; readonly revision: number; readonly responses: readonly ResponseOp[] };

/** What a transaction puts on the session's lease beside its operations; no two leave the same value. */
export interface Mark {
  readonly key: ByteString;
  readonly value: ByteString;
}

/** A lease that is kept alive, and writes in its name whose outcome becomes known. */
export interface RegistrySession extends Ending {
  readonly id: LeaseId;
  /** Whether it lives now. */
  check(): boolean;
  readonly writes: {
    transact(request: TxnRequest, mark: Mark): Promise<Settled>;
    /** For a caller who may give up: then the mark's key is deleted as soon as it was put. */
    take(request: TxnRequest, mark: Mark, wait: Wait): Promise<Settled>;
    /** Deletes a key if it is the one that was created at a revision. */
    discard(key: ByteString, createRevision: number): Promise<void>;
  };
}

/** Where a registration gets its session from: `q.session()` is one. */
export interface RegistrySessions {
  readonly store: Store;
  /** Whether a new session takes the place of one that was lost. */
  readonly replaces: boolean;
  current(options?: CallOptions): Promise<RegistrySession>;
}
