/**
 * The link towards one peer: the connection that this member dials and sends on.
 *
 *     waiting -> connecting -> greeting -> up
 *        ^____________|___________|________|        each failure or loss; `close` leads out of every state
 */
import type { Address, Connection, MemberId, Scheduled } from "../environment.ts";
import { GrpcStatus, QuorateError } from "../errors.ts";
import type { LinkTraffic, TransportContext } from "./context.ts";
import { FRAME_HEADER_BYTES, FrameReader, frameHeader, PING, PONG } from "./frame.ts";
import {
  type Answer,
  answerProblem,
  decodeAnswer,
  encodeHello,
  GreetingReader,
  idText,
  PROTOCOL_VERSION,
  saysRemoved,
} from "./handshake.ts";
import type { FrameKind, LinkStatus, Peer } from "./transport.ts";

type LinkState =
  /** Until `retry` runs. */
  | { readonly is: "waiting"; readonly retry: Scheduled }
  /** Until the network answers. */
  | { readonly is: "connecting"; readonly address: Address }
  /** Until the peer's answer, or `deadline`. */
  | {
      readonly is: "greeting";
      readonly address: Address;
      readonly connection: Connection;
      readonly deadline: Scheduled;
    }
  /** Until the connection closes, breaks the protocol or falls silent. */
  | UpState
  /** For ever. */
  | { readonly is: "closed" };

interface UpState {
  readonly is: "up";
  readonly address: Address;
  readonly connection: Connection;
  /** Number of the next frame. */
  sequence: number;
  /** What `flush` will write, and how many frames and bytes that is. */
  pieces: Uint8Array[];
  pendingFrames: number;
  pendingBytes: number;
  /** What the system had not yet taken when it was last asked. */
  queuedBytes: number;
  /** Of the current ping interval. */
  sent: boolean;
  received: boolean;
  silentIntervals: number;
}

/** Whom a link leads to. */
export interface LinkTarget extends Peer {
  /** Only because it is connected to us: it does not have to dial back on our account. */
  readonly inReturn: boolean;
}

/** What the owner is told. The link's state has changed before. */
export interface LinkEvents {
  up(peer: MemberId): void;
  lost(peer: MemberId, reason: Error): void;
  /** The peer says that this member was removed from the cluster. The link goes on trying. */
  removed(by: MemberId): void;
}

/** Above this many different reasons they are told anew. */
const MAX_TOLD_REASONS = 32;

export class Link {
  readonly #context: TransportContext;
  readonly #events: LinkEvents;
  #peer: LinkTarget;
  #state: LinkState;
  /** Failures since the link last proved itself; rules the wait before the next attempt. */
  #failures = 0;
  /** What its last hello said. */
  #saidInReturn = false;
  /** Which of the addresses is next. */
  #turn = 0;
  #lastError: string | null = null;
  /** Why attempts failed since the link was last up, as far as it was told. */
  readonly #toldReasons = new Set<string>();
  #droppedFrames = 0;
  #sentFrames = 0;
  #sentBytes = 0;

  /** Starts to connect, in the next turn of the clock. */
  constructor(context: TransportContext, events: LinkEvents, peer: LinkTarget) {
    this.#context = context;
    this.#events = events;
    this.#peer = peer;
    this.#state = this.#waiting(0);
  }

  get status(): LinkStatus {
    const state = this.#state;
    return {
      connected: state.is === "up",
      queuedBytes: state.is === "up" ? this.#measureQueue(state) + state.pendingBytes : 0,
      droppedFrames: this.#droppedFrames,
      lastError: this.#lastError,
    };
  }

  get connected(): boolean {
    return this.#state.is === "up";
  }

  get sentTraffic(): Pick<LinkTraffic, "sentFrames" | "sentBytes"> {
    return { sentFrames: this.#sentFrames, sentBytes: this.#sentBytes };
  }

  /** Queues a frame for `flush`; false: dropped. `pieces` must not change until then. */
  send(group: number, kind: FrameKind, pieces: readonly Uint8Array[], bulk: boolean): boolean {
    const state = this.#state;
    let length = 0;
    for (const piece of pieces) length += piece.length;
    if (state.is !== "up" || !this.#hasRoom(state, length, bulk)) {
      this.#droppedFrames++;
      return false;
    }
    this.#queue(state, kind, group, pieces, length);
    return true;
  }

  /** Writes what `send` queued, in one piece of work for the system. */
  flush(): void {
    const state = this.#state;
    if (state.is !== "up" || state.pendingFrames === 0) return;
    const { pieces, pendingBytes, pendingFrames } = state;
    state.pieces = [];
    state.pendingFrames = 0;
    state.pendingBytes = 0;
    state.sent = true;
    this.#sentFrames += pendingFrames;
    this.#sentBytes += pendingBytes;
    state.queuedBytes = state.connection.write(pieces);
  }

  /** Once each ping interval: says that we live, and counts how long the peer has not. */
  tick(): void {
    const state = this.#state;
    if (state.is !== "up") return;
    if (state.received) {
      state.silentIntervals = 0;
      // Only now: a link that breaks as soon as it is up must not be retried without a pause.
      this.#failures = 0;
    } else {
      state.silentIntervals++;
      if (state.silentIntervals >= this.#context.limits.maxMissedPings) {
        const silence = state.silentIntervals * this.#context.limits.pingIntervalMs;
        this.#fail(this.#lost(`no sign of life for ${silence} ms`));
        return;
      }
    }
    if (!state.sent) {
      this.#queue(state, PING, 0, [], 0);
      this.flush();
    }
    state.received = false;
    state.sent = false;
  }

  /** Takes new addresses, and what is to be said in a hello. A connection that no longer fits is given up. */
  update(peer: LinkTarget): void {
    this.#peer = peer;
    const state = this.#state;
    if (state.is === "waiting" || state.is === "closed") return;
    const { host, port } = state.address;
    if (!peer.addresses.some((address) => address.host === host && address.port === port)) {
      this.#fail(this.#lost("the peer's addresses have changed"));
    } else if (peer.inReturn && !this.#saidInReturn && state.is !== "connecting") {
      // Or two that both said so would keep each other, for ever. The other way about, the peer finds out.
      this.#fail(this.#lost("it is connected to us, but not in the member list any more"));
    }
  }

  /** Ends the link without a word to its owner. */
  close(): void {
    this.#leaveState();
    this.#state = { is: "closed" };
  }

  #hasRoom(state: UpState, length: number, bulk: boolean): boolean {
    const { limits, logger } = this.#context;
    if (length > limits.maxFrameBytes) {
      const message = `frame to ${idText(this.#peer.id)} dropped: ${length} bytes, above the limit of ${limits.maxFrameBytes}`;
      logger.error({ peer: idText(this.#peer.id), bytes: length, limit: limits.maxFrameBytes }, message);
      return false;
    }
    const limit = bulk ? limits.maxBulkQueueBytes : limits.maxQueueBytes;
    const more = FRAME_HEADER_BYTES + length + state.pendingBytes;
    if (state.queuedBytes + more <= limit) return true;
    // The figure is from the last write: the system may have taken some since.
    return this.#measureQueue(state) + more <= limit;
  }

  #measureQueue(state: UpState): number {
    if (state.queuedBytes > 0) state.queuedBytes = state.connection.write([]);
    return state.queuedBytes;
  }

  #queue(state: UpState, kind: number, group: number, pieces: readonly Uint8Array[], length: number): void {
    state.pieces.push(frameHeader(kind, group, state.sequence, pieces, length, this.#context.checksum), ...pieces);
    state.sequence = (state.sequence + 1) >>> 0;
    state.pendingFrames++;
    state.pendingBytes += FRAME_HEADER_BYTES + length;
  }

  #waiting(delayMs: number): LinkState {
    return { is: "waiting", retry: this.#context.clock.after(delayMs, () => this.#connect()) };
  }

  #connect(): void {
    const { network, limits } = this.#context;
    const { addresses } = this.#peer;
    const address = addresses[this.#turn++ % Math.max(1, addresses.length)];
    if (address === undefined) {
      this.#fail(this.#unreachable("it has no address"));
      return;
    }
    const state: LinkState = { is: "connecting", address };
    this.#state = state;
    network.connect(address, limits.connectTimeoutMs).then(
      (connection) => {
        if (this.#state === state) this.#greet(address, connection);
        else connection.destroy();
      },
      (cause: unknown) => {
        if (this.#state !== state) return;
        const why = cause instanceof Error ? cause.message : String(cause);
        this.#fail(this.#unreachable(`cannot connect to ${address.host}:${address.port}: ${why}`, cause));
      },
    );
  }

  #greet(address: Address, connection: Connection): void {
    const { clock, limits, checksum, identity, advertised } = this.#context;
    const deadline = clock.after(limits.handshakeTimeoutMs, () => {
      this.#fail(
        this.#unreachable(`${address.host}:${address.port} did not answer within ${limits.handshakeTimeoutMs} ms`),
      );
    });
    const state: LinkState = { is: "greeting", address, connection, deadline };
    this.#state = state;
    const reader = new GreetingReader(checksum);
    let onBytes = (chunk: Uint8Array): void => {
      const progress = reader.push(chunk);
      switch (progress.is) {
        case "incomplete":
          return;
        case "foreign":
          this.#fail(this.#refused(address, progress.problem));
          return;
        case "complete": {
          const answer = decodeAnswer(progress.body);
          const problem = answer === null ? "its answer is too short" : answerProblem(answer, identity, this.#peer.id);
          if (problem !== null) {
            this.#turnedAway(address, answer, problem);
            return;
          }
          deadline.cancel();
          onBytes = this.#open(address, connection);
          if (progress.rest.length > 0) onBytes(progress.rest);
          this.#comeUp(connection);
        }
      }
    };
    connection.onData((chunk) => {
      if (this.#connection() === connection) onBytes(chunk);
    });
    connection.onDrain(() => {
      if (this.#state.is === "up" && this.#state.connection === connection) this.#state.queuedBytes = 0;
    });
    connection.onClose((cause) => {
      if (this.#connection() !== connection) return;
      const why = cause === null ? "the peer closed the connection" : cause.message;
      this.#fail(this.#lost(why, cause ?? undefined));
    });
    this.#saidInReturn = this.#peer.inReturn;
    const hello = encodeHello(
      {
        oldestVersion: PROTOCOL_VERSION.oldest,
        newestVersion: PROTOCOL_VERSION.newest,
        clusterId: identity.clusterId,
        from: identity.memberId,
        to: this.#peer.id,
        nonce: identity.nonce,
        inReturn: this.#peer.inReturn,
        addresses: advertised,
      },
      checksum,
    );
    connection.write([hello]);
  }

  #turnedAway(address: Address, answer: Answer | null, problem: string): void {
    const { id } = this.#peer;
    const removed = answer !== null && saysRemoved(answer, this.#context.identity, id);
    this.#fail(this.#refused(address, problem));
    if (removed) this.#events.removed(id);
  }

  /** Enters "up" and returns what takes the bytes from then on: the peer's signs of life. */
  #open(address: Address, connection: Connection): (chunk: Uint8Array) => void {
    const { checksum } = this.#context;
    const state: UpState = {
      is: "up",
      address,
      connection,
      sequence: 0,
      pieces: [],
      pendingFrames: 0,
      pendingBytes: 0,
      queuedBytes: 0,
      sent: true,
      received: true,
      silentIntervals: 0,
    };
    this.#state = state;
    let foreignKind: number | null = null;
    // A sign of life has no payload, so nothing larger is taken.
    const reader = new FrameReader(1, checksum, (kind) => {
      if (kind !== PONG) foreignKind = kind;
    });
    return (chunk) => {
      state.received = true;
      let problem = reader.push(chunk);
      if (foreignKind !== null) problem ??= `a frame of kind ${foreignKind} on a connection that is ours to send on`;
      if (problem !== null) this.#fail(this.#lost(`the peer sent ${problem}`));
    };
  }

  #comeUp(connection: Connection): void {
    // What came behind the answer may have broken the link already.
    if (this.#connection() !== connection) return;
    this.#lastError = null;
    this.#toldReasons.clear();
    this.#context.logger.info(
      { peer: idText(this.#peer.id), remote: connection.remote },
      `link to member ${idText(this.#peer.id)} is up`,
    );
    this.#events.up(this.#peer.id);
  }

  #fail(reason: QuorateError): void {
    this.#leaveState(reason);
    const { limits, random, logger } = this.#context;
    // Up to the whole wait before the first retry, which may so come at once; later between half and the whole.
    const wait = Math.min(limits.maxRetryMs, limits.minRetryMs * 2 ** Math.min(this.#failures, 30));
    const chance = random.uint32() / 2 ** 32;
    this.#state = this.#waiting(this.#failures === 0 ? wait * chance : (wait * (1 + chance)) / 2);
    this.#failures++;
    const news = !this.#toldReasons.has(reason.message);
    if (this.#toldReasons.size >= MAX_TOLD_REASONS) this.#toldReasons.clear();
    this.#toldReasons.add(reason.message);
    this.#lastError = reason.message;
    // A peer that stays away is told of once an address, not with each attempt.
    logger[news ? "warn" : "debug"]({ peer: idText(this.#peer.id), code: reason.code }, reason.message);
    this.#events.lost(this.#peer.id, reason);
  }

  /** Gives up what the current state holds. */
  #leaveState(reason?: Error): void {
    const state = this.#state;
    switch (state.is) {
      case "waiting":
        state.retry.cancel();
        return;
      case "greeting":
        state.deadline.cancel();
        state.connection.destroy(reason);
        return;
      case "up":
        this.#droppedFrames += state.pendingFrames;
        state.pieces = [];
        state.connection.destroy(reason);
        return;
      case "connecting":
      case "closed":
    }
  }

  #connection(): Connection | null {
    const state = this.#state;
    return state.is === "greeting" || state.is === "up" ? state.connection : null;
  }

  #unreachable(detail: string, cause?: unknown): QuorateError {
    return this.#error("PEER_UNREACHABLE", GrpcStatus.unavailable, `member ${idText(this.#peer.id)}: ${detail}`, cause);
  }

  #refused(address: Address, detail: string): QuorateError {
    const where = `${address.host}:${address.port}`;
    const message = `member ${idText(this.#peer.id)}: no link with ${where}: ${detail}`;
    return this.#error("PEER_REFUSED", GrpcStatus.failedPrecondition, message);
  }

  #lost(detail: string, cause?: unknown): QuorateError {
    const message = `member ${idText(this.#peer.id)}: link lost: ${detail}`;
    return this.#error("PEER_LOST", GrpcStatus.unavailable, message, cause);
  }

  #error(code: string, status: GrpcStatus, message: string, cause?: unknown): QuorateError {
    return new QuorateError(code, status, message, cause === undefined ? {} : { cause });
  }
}
