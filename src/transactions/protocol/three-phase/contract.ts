/**
 * Three-phase commit: what the sides say to each other, remember, and hear.
 *
 * Source: Skeen, *Nonblocking Commit Protocols*, SIGMOD 1981; the termination protocol as in Bernstein, Hadzilacos,
 * Goodman, *Concurrency Control and Recovery in Database Systems*, 1987, §7.5, with total failures. Rounds keep the
 * orders of a leader that was given up from being taken late.
 */
import type { Epoch, Outcome, ProcessId, Timers } from "../machine.ts";

export type ThreePhaseVote = "yes" | "no";

/**
 * How far an undecided participant is. `prepared`: it has said yes, and others may abort. `preCommitted`: it knows that
 * all have said yes.
 */
export type Standing = "prepared" | "preCommitted";

/** To participants, from the coordinator (round 0) or a participant that leads the termination (round 1 and up). */
export type ThreePhaseOrder =
  /** Can you promise to commit? And these are the others. */
  | { readonly type: "canCommit"; readonly epoch: Epoch; readonly participants: readonly ProcessId[] }
  /** All have said yes. */
  | { readonly type: "preCommit"; readonly epoch: Epoch; readonly round: number }
  /** It is decided. */
  | { readonly type: "decide"; readonly epoch: Epoch; readonly outcome: Outcome }
  /** How far are you? I lead. Answered with "standing", or with "decide" by who knows. */
  | { readonly type: "question"; readonly epoch: Epoch; readonly round: number };

export type ThreePhaseReply =
  | { readonly type: "vote"; readonly epoch: Epoch; readonly vote: ThreePhaseVote }
  | { readonly type: "preCommitted"; readonly epoch: Epoch; readonly round: number }
  | {
      readonly type: "standing";
      readonly epoch: Epoch;
      /** Of the question; 0: of an inquiry. */
      readonly round: number;
      readonly standing: Standing;
      /** It was down meanwhile, so what it says is no ground to decide on, unless all were. */
      readonly recovered: boolean;
    }
  /** The decision is carried out here, durably. To the coordinator. */
  | { readonly type: "done"; readonly epoch: Epoch }
  /** Whoever led before is not heard any more: it is your turn to lead. Between participants. */
  | { readonly type: "lead"; readonly epoch: Epoch; readonly round: number }
  /** I was down: how did it end? Answered with "decide", or by others that were down with "standing". */
  | { readonly type: "inquire"; readonly epoch: Epoch };

export type ThreePhaseMessage = ThreePhaseOrder | ThreePhaseReply;

export interface ThreePhaseCoordinatorOptions {
  /** Who has not answered after this time is taken for dead: more than a message there and back, and the disk. */
  readonly answerTimeoutMs: number;
  /** Decisions and inquiries without an answer are repeated this often. */
  readonly resendMs: number;
}

export type ThreePhaseCoordinatorEvent =
  /** All work is done: agree on it. Only in phase "idle". */
  | { readonly type: "begin"; readonly participants: readonly ProcessId[] }
  | { readonly type: "message"; readonly from: ProcessId; readonly message: ThreePhaseMessage }
  | { readonly type: "tick" };

export type ThreePhaseCoordinatorRecord =
  | { readonly type: "begun"; readonly epoch: Epoch; readonly participants: readonly ProcessId[] }
  | { readonly type: "preCommitted"; readonly epoch: Epoch }
  | { readonly type: "decided"; readonly epoch: Epoch; readonly outcome: Outcome }
  /** All have carried it out: the slot is free. */
  | { readonly type: "ended"; readonly epoch: Epoch };

/** The latest transaction, as far as the log says. */
export interface ThreePhaseCoordinatorDurable {
  readonly epoch: Epoch;
  readonly participants: readonly ProcessId[];
  readonly step: "begun" | "preCommitted" | Outcome | "ended";
  /** How the latest transaction that was decided ended. */
  readonly decided: Decided;
}

/** How an epoch ended. Epoch 0: none did yet. */
export interface Decided {
  readonly epoch: Epoch;
  readonly outcome: Outcome;
}

/**
 * - `idle`: nothing is under way
 * - `asking`: waits for votes
 * - `preCommitting`: all have said yes; waits until they all know that
 * - `inquiring`: was down in `preCommitting`: the participants have ended it without this one, which asks how
 * - `ending`: it is decided; waits until everybody has carried it out
 */
export type ThreePhaseCoordinatorPhase =
  | { readonly name: "idle" }
  | {
      readonly name: "asking";
      readonly epoch: Epoch;
      readonly participants: readonly ProcessId[];
      readonly yes: readonly ProcessId[];
    }
  | {
      readonly name: "preCommitting";
      readonly epoch: Epoch;
      readonly participants: readonly ProcessId[];
      readonly waiting: readonly ProcessId[];
    }
  | {
      readonly name: "inquiring";
      readonly epoch: Epoch;
      readonly participants: readonly ProcessId[];
      /** Who has said that it does not know either, having been down, too. */
      readonly unknowing: readonly ProcessId[];
    }
  | {
      readonly name: "ending";
      readonly epoch: Epoch;
      readonly participants: readonly ProcessId[];
      readonly outcome: Outcome;
      readonly waiting: readonly ProcessId[];
    };

export interface ThreePhaseCoordinatorState extends Timers {
  readonly phase: ThreePhaseCoordinatorPhase;
  /** The latest that was used. */
  readonly epoch: Epoch;
  readonly decided: Decided;
}

export interface ThreePhaseParticipantOptions {
  readonly id: ProcessId;
  readonly coordinator: ProcessId;
  /**
   * Who has not answered, as resource or participant, after this time is taken for dead: as the coordinator's, and less
   * than `patienceMs`.
   */
  readonly answerTimeoutMs: number;
  /** Who leads is taken for dead after this time: more than it takes to lead, with an `answerTimeoutMs` for the dead. */
  readonly patienceMs: number;
  /** After a crash, it asks this often. */
  readonly resendMs: number;
}

export type ThreePhaseParticipantEvent =
  | { readonly type: "message"; readonly from: ProcessId; readonly message: ThreePhaseMessage }
  /** The resource's answer to "ask": as in two-phase commit, without readers. */
  | { readonly type: "answered"; readonly epoch: Epoch; readonly vote: ThreePhaseVote }
  | { readonly type: "tick" };

export type ThreePhaseParticipantRecord =
  | { readonly type: "prepared"; readonly epoch: Epoch; readonly participants: readonly ProcessId[] }
  | { readonly type: "preCommitted"; readonly epoch: Epoch }
  | { readonly type: "decided"; readonly epoch: Epoch; readonly outcome: Outcome };

export interface ThreePhaseParticipantDurable {
  readonly doubt: {
    readonly epoch: Epoch;
    readonly participants: readonly ProcessId[];
    readonly standing: Standing;
  } | null;
  readonly decided: Decided;
}

/** What a participant was told by another, or by the coordinator, while it looked for the outcome. */
export interface Heard {
  readonly from: ProcessId;
  readonly standing: Standing;
}

/** What a participant in doubt does about it. */
export type Pursuit =
  /** Waits for who leads in its round. */
  | { readonly name: "following" }
  /** Leads, and asks the others how far they are. */
  | { readonly name: "collecting"; readonly heard: readonly Heard[]; readonly absent: readonly ProcessId[] }
  /** Leads, and waits until those that are up know that all have said yes. */
  | { readonly name: "spreading"; readonly waiting: readonly ProcessId[] }
  /** Was down: follows nobody and leads nobody, but asks everybody. */
  | { readonly name: "recovered"; readonly heard: readonly Heard[] };

export interface Doubt {
  readonly name: "inDoubt";
  readonly epoch: Epoch;
  readonly participants: readonly ProcessId[];
  readonly standing: Standing;
  /** 0: the coordinator's. Orders of earlier rounds are refused. */
  readonly round: number;
  readonly pursuit: Pursuit;
}

/**
 * - `idle`: nothing is under way
 * - `voting`: the resource was asked; nothing is promised, so it may still abort on its own
 * - `inDoubt`: has said yes, and does not know how it ends
 */
export type ThreePhaseParticipantPhase =
  | { readonly name: "idle" }
  | { readonly name: "voting"; readonly epoch: Epoch; readonly participants: readonly ProcessId[] }
  | Doubt;

export interface ThreePhaseParticipantState extends Timers {
  readonly phase: ThreePhaseParticipantPhase;
  readonly decided: Decided;
}
