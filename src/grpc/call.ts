/**
 * Calls, as services see them: messages in and out, and nothing of sockets, streams or windows.
 *
 * A door promises: messages of a call come in order and whole; `onCancel` comes once, whatever the reason, and no
 * message after it; each call is answered at most once, and what is written after its end is dropped. Requests above
 * the size limit never reach a service.
 */
import type { QuorateError } from "../errors.ts";

/** A call under way. */
export interface Call {
  /** "/etcdserverpb.KV/Put" */
  readonly path: string;
  /** Where the client is, for log lines. */
  readonly peer: string;
  /** The first value of a request header (lower-case name) as text; null if it was not sent. */
  metadata(name: string): string | null;
  /** The call is over: answered, given up by the client, past its deadline, or its connection is gone. */
  readonly cancelled: boolean;
  /** Calls `handle` when that happens; at once, if it has. */
  onCancel(handle: () => void): void;
}

/** Answers a unary call, once: with an error, or with a message. */
export type Answer = (error: QuorateError | null, response: Uint8Array) => void;

/** A call whose answer is a stream of messages. */
export interface StreamCall extends Call {
  /** Queues a message. False: enough is queued; better write again only after `onDrain`. */
  write(message: Uint8Array): boolean;
  /** False while `write` would return false. */
  readonly writable: boolean;
  /** Calls `handle` each time when, after a `write` that returned false, there is room again. */
  onDrain(handle: () => void): void;
  /** Ends the call well, or with an error, once all that was written is out. */
  end(error?: QuorateError): void;
}

/** A call with a stream of messages each way. Who serves it asks for its messages before `handle` returns. */
export interface BidiCall extends StreamCall {
  onMessage(handle: (message: Uint8Array) => void): void;
  /** The client will send no more. */
  onEnd(handle: () => void): void;
  /** Stops and goes on taking messages from the client; those already here may still come. */
  pause(): void;
  resume(): void;
}

export type Method =
  | {
      readonly kind: "unary";
      readonly path: string;
      readonly handle: (request: Uint8Array, call: Call, answer: Answer) => void;
    }
  | {
      readonly kind: "serverStream";
      readonly path: string;
      readonly handle: (request: Uint8Array, call: StreamCall) => void;
    }
  | { readonly kind: "bidi"; readonly path: string; readonly handle: (call: BidiCall) => void };
