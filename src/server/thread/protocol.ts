/**
 * What goes between a program and its member's thread: two ways, so that a member that ends is heard before all that it
 * has left unanswered.
 *
 * - Calls go through a port of their own, as parcels (`parcel.ts`): requests and answers in the encoding of the wire. A
 *   call's number is the program's, and is used once.
 * - The member's life goes between the thread and who started it: begun or refused, failed, stopped, and its log lines.
 */
import type { MessagePort } from "node:worker_threads";
import type { GrpcStatus } from "../../errors.ts";
import type { MemberOptions } from "../member-options.ts";
import type { ErrorNote } from "./error-note.ts";

export type Metadata = Readonly<Record<string, string>>;

export type FromProgram =
  /** Begins a call; the bytes of its requests follow. */
  | { readonly is: "open"; readonly id: number; readonly path: string; readonly metadata: Metadata }
  /** With bytes: a request. */
  | { readonly is: "request"; readonly id: number }
  /** So many bytes of replies were taken, each reply with `REPLY_COST` more. */
  | { readonly is: "taken"; readonly id: number; readonly bytes: number }
  | { readonly is: "cancel"; readonly id: number };

export type FromMember =
  /** With bytes: one reply of a stream. */
  | { readonly is: "reply"; readonly id: number }
  /** With bytes: the only reply, and the end. */
  | { readonly is: "answer"; readonly id: number }
  | { readonly is: "end"; readonly id: number; readonly error: Refusal | null };

/** What a member answers in place of a reply: the status and words that it has for remote clients, too. */
export interface Refusal {
  readonly status: GrpcStatus;
  readonly text: string;
}

/** Bytes of a stream's replies that may wait for the program; with more its service is held back. */
export const WINDOW_BYTES: number = 1 << 20;
/** What a reply counts beside its bytes, so that many small ones are held back, too. */
export const REPLY_COST = 64;

/** What a thread is started with. */
export interface ThreadPlan {
  readonly options: MemberOptions;
  /** Whether somebody takes log lines. */
  readonly logs: boolean;
  readonly calls: MessagePort;
}

export type LogLevel = "debug" | "info" | "warn" | "error";

export type FromThread =
  | { readonly is: "started" }
  | { readonly is: "refused"; readonly error: ErrorNote }
  | { readonly is: "failed"; readonly error: ErrorNote }
  | {
      readonly is: "log";
      readonly level: LogLevel;
      readonly fields: Readonly<Record<string, unknown>>;
      readonly message: string;
    };

/** All that a thread is ever told: to hand over, finish and end. */
export const STOP = "stop";
