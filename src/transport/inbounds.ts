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

interface Guest {
  readonly inbound: Inbound;
  readonly hello: Hello;
}

export class Inbounds {
  readonly #context: TransportContext;
  readonly #events: InboundsEvents;
  /** The connection on which each peer sends (the latest, if it made several), and how it began. */
  readonly #guests = new Map<MemberId, Guest>();
  /** Those that have not said who they are or were turned away, oldest first. */
  readonly #pending = new Set<Inbound>();

  constructor(context: TransportContext, events: InboundsEvents) {
    this.#context = context;
    this.#events = events;
  }

  has(peer: MemberId): boolean {
    return this.#guests.has(peer);
  }

  /** Whether a peer is connected for its own sake: not if it only dialled back because we did. */
  wantsLink(peer: MemberId): boolean {
    const guest = this.#guests.get(peer);
    return guest !== undefined && guest.hello.inReturn !== true;
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
    for (const { inbound } of this.#guests.values()) inbound.tick();
  }

  /**
   * The owner names others than before. Of those that it does not, two kinds have to begin anew: members that were
   * removed, which connect again and are told; and those that dialled back, which connect again if they name us by now.
   */
  sift(): void {
    for (const [peer, { inbound, hello }] of this.#guests) {
      if (this.#events.isNamed(peer)) continue;
      const isRemoved = this.#events.isRemoved(peer);
      if (!isRemoved && hello.inReturn !== true) continue;
      this.#guests.delete(peer);
      inbound.close(isRemoved ? "the member was removed from the cluster" : "it is not in the member list any more");
      this.#events.left(peer);
    }
  }

  /** Ends all of them; the owner is not told. */
  close(reason: string): void {
    for (const inbound of this.#pending) inbound.close(reason);
    for (const { inbound } of this.#guests.values()) inbound.close(reason);
    this.#pending.clear();
    this.#guests.clear();
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
    if (this.#events.isNamed(hello.from) || this.#guests.has(hello.from)) return answer;
    let unknown = 0;
    for (const peer of this.#guests.keys()) if (!this.#events.isNamed(peer)) unknown++;
    if (unknown < limits.maxUnknownPeers) return answer;
    const reason = `${who} is not in the member list, and ${unknown} such members are connected already`;
    return refusal(identity, AnswerCode.tooManyUnknown, reason);
  }

  /** The newest connection of a peer is the one that counts: nothing of an older one may come after it. */
  #takeIn(inbound: Inbound, hello: Hello): void {
    const { from, addresses = [] } = hello;
    this.#pending.delete(inbound);
    this.#guests.get(from)?.inbound.close("the peer made a new connection");
    this.#guests.set(from, { inbound, hello });
    this.#events.greeted(from, addresses);
  }

  #forget(inbound: Inbound): void {
    this.#pending.delete(inbound);
    for (const [peer, guest] of this.#guests) {
      if (guest.inbound !== inbound) continue;
      this.#guests.delete(peer);
      this.#events.left(peer);
      return;
    }
  }
}
