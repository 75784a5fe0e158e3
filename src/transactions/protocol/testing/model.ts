/**
 * What the simulators know of a protocol: its machines behind one type, and the few questions that differ. Everything
 * else about a run (crashes, messages, who may do what when) is the same for all protocols.
 */
import type { Epoch, Machine, ProcessId, Timers } from "../machine.ts";

export interface ModelMessage {
  readonly type: string;
  readonly epoch: Epoch;
}

export interface ModelRecord {
  readonly type: string;
  readonly epoch: Epoch;
}

export interface ModelState extends Timers {
  readonly phase: { readonly name: string; readonly epoch?: Epoch };
}

export type ModelEvent =
  | { readonly type: "begin"; readonly participants: readonly ProcessId[] }
  | { readonly type: "message"; readonly from: ProcessId; readonly message: ModelMessage }
  | { readonly type: "answered"; readonly epoch: Epoch; readonly vote: ModelVote }
  | { readonly type: "tick" };

export type ModelVote = "yes" | "no" | "readOnly";

export type ModelMachine = Machine<ModelState, ModelEvent, ModelMessage, ModelRecord, unknown>;

export type RoleName = "coordinator" | "participant";

/** Of the protocol's tables (transitions.ts): what a process is seen to do when time runs out, or power. */
export interface Observed {
  readonly role: RoleName;
  readonly phase: string;
  readonly on: "limit" | "resend" | "crash";
  /** After a crash: what the log says. */
  readonly log: string;
  readonly to: string;
}

export const coordinatorId = "c";

/** "p1", "p2", ... */
export function participantIds(count: number): readonly ProcessId[] {
  return Array.from({ length: count }, (_, at) => `p${at + 1}`);
}

export function roleOf(id: ProcessId): RoleName {
  return id === coordinatorId ? "coordinator" : "participant";
}

/** What a timer stands for in a run, milliseconds. */
export interface ModelTimes {
  readonly answerMs: number;
  readonly patienceMs: number;
  readonly resendMs: number;
}

export interface Model {
  readonly name: "2PC" | "3PC";
  /** What resources may answer. */
  readonly votes: readonly ModelVote[];
  readonly machineOf: (id: ProcessId, times: ModelTimes) => ModelMachine;
  /** In the words of the tables. */
  readonly phaseOf: (state: ModelState) => string;
  /** What the log says, in the words of the tables. */
  readonly logOf: (role: RoleName, durable: unknown) => string;
  /** Whose answer ends the waiting, when the limit does not. */
  readonly waitsFor: (id: ProcessId, state: ModelState) => readonly ProcessId[];
  /** A participant has promised, and does not know how it ends. */
  readonly inDoubt: (state: ModelState) => boolean;
  /** Whether what the log says bears this message; said too early otherwise. */
  readonly bears: (role: RoleName, durable: unknown, message: ModelMessage) => boolean;
}
