/**
 * The room's main file: a gRPC server on bare connections (gRPC over HTTP/2, RFC 9113, RFC 7541).
 *
 *     connection ─▶ http2/frame-reader ─▶ http2/connection ─▶ server-call ─▶ service
 *                                hpack/ ──────┘   └── http2/sender ◀── its answer
 *
 * It exists because a request costs a library more than all the rest of a member: here a frame costs no object, a call
 * two, a header block that came before a comparison, and all answers of a turn of the event loop leave a connection in
 * one write. It promises what `call.ts` says of calls, the RFCs' answers to clients that break rules, and the limits in
 * `http2/limits.ts` against those that mean harm. It must not know what messages mean, nor who sends them, and it
 * reaches the world through the ports alone.
 */
import type { Clock, Connection } from "../environment.ts";
import type { Method } from "./call.ts";
import { type CallHead, readCallHead } from "./call-head.ts";
import { ANSWER_HEAD } from "./ending.ts";
import { type ConnectionContext, Http2Connection } from "./http2/connection.ts";
import { DEFAULT_LIMITS, type Limits } from "./http2/limits.ts";
import { Slab } from "./http2/slab.ts";
import { Turn } from "./http2/turn.ts";
import { ServerCall } from "./server-call.ts";

export interface DoorOptions {
  readonly clock: Clock;
  readonly methods: readonly Method[];
  /** Bytes of the largest message taken from a client. */
  readonly maxReceiveBytes: number;
  /** Those that differ from `DEFAULT_LIMITS`. */
  readonly limits?: Partial<Limits>;
}

export class GrpcDoor {
  readonly #clock: Clock;
  readonly #context: ConnectionContext<CallHead>;
  readonly #connections = new Set<Http2Connection<CallHead>>();
  #isClosed = false;
  /** Called whenever a connection is gone, while the door closes. */
  #gone: (() => void) | null = null;

  constructor({ clock, methods, maxReceiveBytes, ...options }: DoorOptions) {
    const limits = { ...DEFAULT_LIMITS, ...options.limits };
    const byPath = new Map(methods.map((method) => [method.path, method]));
    const calls = { clock, maxReceiveBytes };
    this.#clock = clock;
    this.#context = {
      clock,
      limits,
      slab: new Slab(),
      turn: new Turn(clock),
      service: {
        answerHead: ANSWER_HEAD,
        readHead: (fields) => readCallHead(fields, limits.maxHeaderListBytes, byPath),
        open: (stream, head, peer) => new ServerCall(stream, head, peer, calls),
      },
    };
  }

  /** Connections open now. */
  get connections(): number {
    return this.#connections.size;
  }

  /** Calls open now. */
  get calls(): number {
    let sum = 0;
    for (const connection of this.#connections) sum += connection.openStreams;
    return sum;
  }

  /** Takes a connection whose client speaks HTTP/2 without having asked (RFC 9113 §3.3). Nothing of it has been read. */
  accept(connection: Connection): void {
    if (this.#isClosed) return connection.destroy();
    const http2: Http2Connection<CallHead> = new Http2Connection(connection, this.#context, () => {
      this.#connections.delete(http2);
      this.#gone?.();
    });
    this.#connections.add(http2);
  }

  /** Tells clients to go, lets calls finish for up to `drainMs`, then cuts what is left. */
  async close(drainMs: number): Promise<void> {
    this.#isClosed = true;
    if (drainMs <= 0) {
      for (const connection of this.#connections) connection.cut();
      return;
    }
    for (const connection of this.#connections) connection.drain();
    await new Promise<void>((resolve) => {
      const timer = this.#clock.after(drainMs, () => {
        for (const connection of this.#connections) connection.cut();
        resolve();
      });
      this.#gone = () => {
        if (this.#connections.size > 0) return;
        timer.cancel();
        resolve();
      };
      this.#gone();
    });
  }
}
