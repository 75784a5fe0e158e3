/** The connections that others made to us: who may come in, and which connection of a peer is the one that counts. */
import type { Address, Connection, GroupId, MemberId } from "../environment.ts";
import type { TransportContext } from "./context.ts";
import { type Answer, AnswerCode, answerTo, type Hello, idText, refusal } from "./handshake.ts";
import { Inbound, type InboundEvents } from "./inbound.ts";
import type { FrameKind } from "./transport.ts";

/** What the owner knows and is told. */
export interface InboundsEvents {
  /** Whether it is one of those that the owner wants links to. */
  isNamed(peer: MemberId): boolean;
  /** Whether it was removed from the cluster: it never comes back under this id. */
  isRemoved(peer: MemberId): boolean;
  /** What somebody who is no member may know of the cluster. */
  describe(): Uint8Array;
  frame(peer: MemberId, group: GroupId, kind: FrameKind, payload: Uint8Array): void;
  /** A peer is in, with its first or a further connection, and says where it can be reached itself. */
  greeted(peer: MemberId, addresses: readonly Address[]): void;
  /** A peer's connection ended, and it has no other. */
  left(peer: MemberId): void;
}

export class Inbounds {
  readonly #context: TransportContext;
  readonly #events: InboundsEvents;
  /** The connection on which each peer sends; the latest, if it made several. */
  readonly #current = new Map<MemberId, Inbound>();
  /** Those that have not said who they are or were turned away, oldest first. */
  readonly #pending = new Set<Inbound>();

  constructor(context: TransportContext, events: InboundsEvents) {
    this.#context = context;
    this.#events = events;
  }

  has(peer: MemberId): boolean {
    return this.#current.has(peer);
  }

  accept(connection: Connection): void {
    // The oldest goes, not the newest: so idle connections of strangers cannot keep a peer out.
    const [oldest] = this.#pending;
    if (oldest !== undefined && this.#pending.size >= this.#context.limits.maxPendingConnections) {
      this.#pending.delete(oldest);
      oldest.close("too many connections that have not said who they are");
    }
    this.#pending.add(new Inbound(this.#context, this.#inboundEvents, connection));
  }

  /** Once each ping interval. */
  tick(): void {
    for (const inbound of this.#current.values()) inbound.tick();
  }

  /**
   * Ends the connections of members that were removed and that the owner has let go of. Who has not heard of its removal
   * connects again, and is told.
   */
  turnOutRemoved(): void {
    for (const [peer, inbound] of this.#current) {
      if (this.#events.isNamed(peer) || !this.#events.isRemoved(peer)) continue;
      this.#current.delete(peer);
      inbound.close("the member was removed from the cluster");
      this.#events.left(peer);
    }
  }

  /** Ends all of them; the owner is not told. */
  close(reason: string): void {
    for (const inbound of [...this.#pending, ...this.#current.values()]) inbound.close(reason);
    this.#pending.clear();
    this.#current.clear();
  }

  readonly #inboundEvents: InboundEvents = {
    judge: (hello) => this.#judge(hello),
    describe: () => this.#events.describe(),
    up: (inbound, hello) => this.#takeIn(inbound, hello),
    frame: (peer, group, kind, payload) => this.#events.frame(peer, group, kind, payload),
    closed: (inbound) => this.#forget(inbound),
  };

  #judge(hello: Hello): Answer {
    const { identity, limits } = this.#context;
    const answer = answerTo(hello, identity);
    if (answer.code !== AnswerCode.accepted) return answer;
    const who = idText(hello.from);
    if (this.#events.isRemoved(hello.from)) {
      const reason = `${who} was removed from the cluster for good: add a new member in its place`;
      return refusal(identity, AnswerCode.removed, reason);
    }
    if (this.#events.isNamed(hello.from) || this.#current.has(hello.from)) return answer;
    let unknown = 0;
    for (const peer of this.#current.keys()) if (!this.#events.isNamed(peer)) unknown++;
    if (unknown < limits.maxUnknownPeers) return answer;
    const reason = `${who} is not in the member list, and ${unknown} such members are connected already`;
    return refusal(identity, AnswerCode.tooManyUnknown, reason);
  }

  /** The newest connection of a peer is the one that counts: nothing of an older one may come after it. */
  #takeIn(inbound: Inbound, { from, addresses = [] }: Hello): void {
    this.#pending.delete(inbound);
    this.#current.get(from)?.close("the peer made a new connection");
    this.#current.set(from, inbound);
    this.#events.greeted(from, addresses);
  }

  #forget(inbound: Inbound): void {
    this.#pending.delete(inbound);
    for (const [peer, current] of this.#current) {
      if (current !== inbound) continue;
      this.#current.delete(peer);
      this.#events.left(peer);
      return;
    }
  }
}
