/**
 * The client's side of gRPC, on one connection (gRPC over HTTP/2, RFC 9113, RFC 7541).
 *
 *     caller ─▶ client-call ─▶ client-stream ─▶ http2/sender ─▶ connection
 *       ▲            │ deadlines, messages, status     request-blocks: header blocks, each encoded once
 *       └────────────┴──── client-connection ◀── http2/frame-reader, hpack/
 *
 * It exists for the same reason as the server's (`door.ts`): a call costs a library more than all that a member and we do
 * for it. It promises that each call ends, with what the server said or with why it said nothing, and whether the request
 * may have arrived; that calls of one event leave in one write; and that answers which came in time are not taken for
 * late. It does not repeat calls, connects to nobody, and must not know what messages mean.
 */
import type { Clock, Connection } from "../../environment.ts";
import { LinkedQueue } from "../http2/linked-queue.ts";
import { type CallEvents, type CallHost, ClientCall } from "./client-call.ts";
import { ClientConnection, type ClientConnectionContext } from "./client-connection.ts";
import { Deadlines } from "./deadlines.ts";
import { Keepalive } from "./keepalive.ts";
import { type Metadata, RequestBlocks } from "./request-blocks.ts";

export interface GrpcClientOptions {
  readonly clock: Clock;
  /** Shared by all clients of a program. */
  readonly context: ClientConnectionContext;
  readonly scheme: "http" | "https";
  /** Whom we mean to talk to: host and port, as the server's certificate and proxies know it. */
  readonly authority: string;
  /** Bytes of the largest message taken. */
  readonly maxMessageBytes: number;
  /** With calls under way, a connection on which nothing came for this long is pinged, ms. */
  readonly keepaliveTimeMs: number;
  /** And given up when nothing comes for this long then, ms. */
  readonly keepaliveTimeoutMs: number;
  /** The server has greeted. Once, unless it is over before. */
  readonly greeted: () => void;
  /** It takes no more calls, for the reason that is given. Once, before calls are told, and later than the constructor. */
  readonly over: (reason: Error) => void;
  /** Told when a call is under way after none was, and the other way round. */
  readonly busy?: (isBusy: boolean) => void;
}

export class GrpcClient implements CallHost {
  readonly maxMessageBytes: number;
  readonly #clock: Clock;
  readonly #busy: (isBusy: boolean) => void;
  readonly #blocks: RequestBlocks;
  readonly #open = new LinkedQueue<ClientCall>();
  readonly #deadlines: Deadlines;
  readonly #keepalive: Keepalive;
  readonly #connection: ClientConnection;

  /** Greets at once. */
  constructor(connection: Connection, options: GrpcClientOptions) {
    const { clock, context, scheme, authority, maxMessageBytes, greeted, over, busy = () => undefined } = options;
    this.maxMessageBytes = maxMessageBytes;
    this.#clock = clock;
    this.#busy = busy;
    this.#blocks = new RequestBlocks(scheme, authority);
    this.#deadlines = new Deadlines(clock, this.#open);
    const { keepaliveTimeMs: timeMs, keepaliveTimeoutMs: timeoutMs } = options;
    this.#keepalive = new Keepalive({
      clock,
      timeMs,
      timeoutMs,
      isNeeded: () => !this.#open.isEmpty,
      ping: () => this.#connection.ping(),
      giveUp: () => this.close(new Error(`the connection is dead: no answer to a ping within ${timeoutMs} ms`)),
    });
    this.#connection = new ClientConnection(connection, context, {
      greeted,
      heard: () => this.#keepalive.heard(),
      over,
      closed: () => {
        this.#deadlines.close();
        this.#keepalive.close();
      },
    });
  }

  /** Why it takes no more calls; null while it does. */
  get reason(): Error | null {
    return this.#connection.reason;
  }

  /**
   * A call with one message each way. Not while there is a `reason`.
   * @param timeoutMs from now on, above 0
   * @throws QuorateError INVALID_ARGUMENT for metadata that cannot be sent
   */
  call(path: string, request: Uint8Array, timeoutMs: number, metadata: Metadata, events: CallEvents): ClientCall {
    return this.#begin(path, request, timeoutMs, metadata, events);
  }

  /**
   * A call with a stream of messages each way, without a deadline. Not while there is a `reason`.
   * @throws QuorateError INVALID_ARGUMENT for metadata that cannot be sent
   */
  stream(path: string, metadata: Metadata, events: CallEvents): ClientCall {
    return this.#begin(path, null, Number.POSITIVE_INFINITY, metadata, events);
  }

  /** Takes no more calls, and closes when those that the server took are over; the others fail as certainly not arrived. */
  retire(reason: Error): void {
    this.#connection.leave(reason);
  }

  /** Ends it at once, and all calls. */
  close(reason: Error): void {
    this.#connection.close(reason);
  }

  /** What calls call. */
  over(call: ClientCall): void {
    if (call.queue === null) return;
    this.#open.remove(call);
    if (this.#open.isEmpty) this.#busy(false);
  }

  #begin(
    path: string,
    request: Uint8Array | null,
    timeoutMs: number,
    metadata: Metadata,
    events: CallEvents,
  ): ClientCall {
    const block = this.#blocks.blockOf(path, timeoutMs, metadata);
    const now = this.#clock.now();
    const call = new ClientCall(this, events, request !== null, now + timeoutMs);
    if (this.#open.isEmpty) {
      this.#busy(true);
      this.#keepalive.needed();
    }
    this.#open.push(call);
    this.#deadlines.add(call.deadline, now);
    call.begin(this.#connection.open(block, request, call));
    return call;
  }
}
