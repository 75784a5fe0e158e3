/**
 * Two-phase commit with presumed abort: what the two sides say to each other, remember, and hear.
 *
 * Source: Mohan, Lindsay, Obermarck, *Transaction Management in the R\* Distributed Database Management System*, ACM TODS
 * 11(4), 1986: presumed abort, votes of readers, and who may forget what when. Epochs: Kafka's KIP-890.
 */
import type { Epoch, Outcome, ProcessId, Timers } from "../machine.ts";

/** `readOnly`: it changed nothing, does not care how this ends, and takes no further part. */
export type Vote = "yes" | "no" | "readOnly";

/** To participants. */
export type TwoPhaseOrder =
  /** Can you promise to commit? `alone`: you are the only participant, so commit at once if you can. */
  | { readonly type: "prepare"; readonly epoch: Epoch; readonly alone: boolean }
  | { readonly type: "commit"; readonly epoch: Epoch }
  | { readonly type: "abort"; readonly epoch: Epoch };

/** To the coordinator. */
export type TwoPhaseReply =
  | { readonly type: "vote"; readonly epoch: Epoch; readonly vote: Vote }
  /** It is committed here, durably: nobody will be asked about it any more. */
  | { readonly type: "committed"; readonly epoch: Epoch }
  /** I have promised; how did it end? */
  | { readonly type: "inquire"; readonly epoch: Epoch };

export type TwoPhaseMessage = TwoPhaseOrder | TwoPhaseReply;

export interface TwoPhaseCoordinatorOptions {
  /** Who has not voted after this time is taken to refuse. */
  readonly voteTimeoutMs: number;
  /** Questions and decisions without an answer are repeated this often. */
  readonly resendMs: number;
  /** So many epochs are reserved with one forced write. From 1. */
  readonly epochBlock: number;
}

export type TwoPhaseCoordinatorEvent =
  /** All work is done: agree on it. Only in phase "idle". */
  | { readonly type: "begin"; readonly participants: readonly ProcessId[] }
  | { readonly type: "message"; readonly from: ProcessId; readonly message: TwoPhaseMessage }
  | { readonly type: "tick" };

/** What the coordinator's log may say. That a transaction was aborted is never written: it is presumed. */
export type TwoPhaseCoordinatorRecord =
  /** Epochs up to this one may have been used. */
  | { readonly type: "reserved"; readonly epoch: Epoch }
  /** The decision to commit: with it, and not before, the transaction is committed. */
  | { readonly type: "committed"; readonly epoch: Epoch; readonly participants: readonly ProcessId[] }
  /** All have it: the decision may be forgotten. */
  | { readonly type: "ended"; readonly epoch: Epoch };

export interface TwoPhaseCoordinatorDurable {
  readonly reserved: Epoch;
  /** Committed, and not everybody is known to have it. */
  readonly decision: { readonly epoch: Epoch; readonly participants: readonly ProcessId[] } | null;
}

/**
 * - `idle`: nothing is under way, as far as it remembers
 * - `preparing`: waits for votes
 * - `delegated`: there is one participant, which decides; waits to hear how
 * - `committing`: has decided to commit; waits until everybody has it
 */
export type TwoPhaseCoordinatorPhase =
  | { readonly name: "idle" }
  | {
      readonly name: "preparing";
      readonly epoch: Epoch;
      readonly participants: readonly ProcessId[];
      readonly yes: readonly ProcessId[];
      readonly readOnly: readonly ProcessId[];
    }
  | { readonly name: "delegated"; readonly epoch: Epoch; readonly participant: ProcessId }
  | { readonly name: "committing"; readonly epoch: Epoch; readonly waiting: readonly ProcessId[] };

export interface TwoPhaseCoordinatorState extends Timers {
  readonly phase: TwoPhaseCoordinatorPhase;
  /** The highest epoch that was used, or may have been before a crash. */
  readonly used: Epoch;
  /** The highest epoch that may be used without another write. */
  readonly reserved: Epoch;
}

export interface TwoPhaseParticipantOptions {
  /** Whom to ask. */
  readonly coordinator: ProcessId;
  /** A resource that has not answered for this long is taken to refuse. Below the coordinator's `voteTimeoutMs`. */
  readonly answerTimeoutMs: number;
  /** In doubt, it asks this often. */
  readonly resendMs: number;
}

export type TwoPhaseParticipantEvent =
  | { readonly type: "message"; readonly from: ProcessId; readonly message: TwoPhaseMessage }
  /**
   * The resource's answer to "ask". Yes promises that it can commit whatever happens, a crash included. It may say yes
   * only while it holds all the work of that epoch: never after a no, nor after a crash that lost some of it.
   */
  | { readonly type: "answered"; readonly epoch: Epoch; readonly vote: Vote }
  | { readonly type: "tick" };

/** What a participant's log may say. */
export type TwoPhaseParticipantRecord =
  | { readonly type: "prepared"; readonly epoch: Epoch }
  | { readonly type: "ended"; readonly epoch: Epoch; readonly outcome: Outcome };

/** How the latest epoch that is over here ended here. */
export interface Ended {
  readonly epoch: Epoch;
  readonly how: Outcome | "readOnly";
}

export interface TwoPhaseParticipantDurable {
  /** In doubt; 0: not. */
  readonly prepared: Epoch;
  readonly ended: Ended;
}

/**
 * - `idle`: nothing is under way
 * - `voting`: the resource was asked; nothing is promised, so it may still abort on its own
 * - `prepared`: has promised, and is in doubt: only the coordinator knows how it ends
 */
export type TwoPhaseParticipantPhase =
  | { readonly name: "idle" }
  | { readonly name: "voting"; readonly epoch: Epoch; readonly alone: boolean }
  | { readonly name: "prepared"; readonly epoch: Epoch };

export interface TwoPhaseParticipantState extends Timers {
  readonly phase: TwoPhaseParticipantPhase;
  /** Epochs up to this one are over here: what is said about them changes nothing any more. */
  readonly ended: Ended;
}
