/**
 * One direction of a connection, as TCP carries it: what is written arrives in order, or not at all once it broke.
 *
 *     write ─▶ queue ─▶ the system's buffer, the way, the receiver's buffer ─▶ read
 *              (the process's)  at most `bufferBytes` that were not read and acknowledged
 */
import type { Scheduled } from "../environment.ts";
import type { Link } from "./link.ts";
import type { VirtualProcess } from "./process.ts";
import type { Action, Timeline } from "./timeline.ts";

/** `open`: the other end exists from then on. `end`: orderly; `reset`: not, and not sent again when it is lost. */
type PacketKind = "open" | "data" | "end" | "reset";

/** What both ends have of the systems they run on. */
export interface PipeSystem {
  readonly timeline: Timeline;
  /** Whether bytes arrive in other pieces than they were written in. */
  readonly chunking: boolean;
  /** Chance that what is left of a chunk is cut once more. */
  readonly cutRate: number;
  /** Bytes that a connection may have under way in one direction. */
  readonly bufferBytes: number;
  /** A connection breaks when bytes got no answer for so long. */
  readonly tcpTimeoutMs: number;
  /** The longest time from the opening of a way until bytes that were held up are sent again. */
  readonly retransmitMs: number;
  /** Pipes that wait for a way to open. */
  readonly stuck: Set<Pipe>;
  /** A copy of the pieces in one. */
  join(pieces: readonly Uint8Array[]): Uint8Array;
}

/** A connection's end, as a pipe sees it. */
export interface PipeEnd {
  readonly host: { readonly up: boolean };
  readonly process: VirtualProcess;
  readonly closed: boolean;
  /** Of the receiving end. */
  opened(): void;
  arrived(chunk: Uint8Array): void;
  ended(): void;
  /** Of the sending end. */
  drained(): void;
  /** Of either. */
  fail(code: "ECONNRESET" | "ETIMEDOUT"): void;
}

/** What a clogged line carries at a time: there bytes trickle in, as they do where packets have a size. */
const SEGMENT_BYTES = 1460;
const NOTHING = new Uint8Array(0);

export class Pipe implements Action {
  readonly link: Link;
  readonly #system: PipeSystem;
  readonly #from: PipeEnd;
  readonly #to: PipeEnd;
  /** The way back, for what says that bytes were read. */
  readonly #back: Link;
  #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  /** Taken by the system and not yet acknowledged. */
  #unacknowledged = 0;
  /** The packet that arrives last, while it may still take more, and when. */
  #tail: Packet | null = null;
  #lastArrival = 0;
  /** What could not arrive, in order; sent again when the way is open. */
  #held: Packet[] = [];
  /** Acknowledgements that could not arrive, and those on their way. */
  #heldAcks = 0;
  #acksUnderWay = 0;
  /** The other end is gone and could not say so. */
  #unanswered = false;
  /** The sender's system knows nothing of it any more, so that nothing is sent again. */
  #isDropped = false;
  /** Something got lost for good: what comes behind it must not arrive. */
  #isTorn = false;
  /** `#held` is being sent again. */
  #releasing = false;
  #heldSince = 0;
  #patience: Scheduled | null = null;

  constructor(system: PipeSystem, from: PipeEnd, to: PipeEnd, link: Link, back: Link) {
    this.#system = system;
    this.#from = from;
    this.#to = to;
    this.link = link;
    this.#back = back;
  }

  /** Bytes that the system has not taken. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Whether it is a host's to send on it. */
  leaves(host: PipeEnd["host"]): boolean {
    return this.#from.host === host;
  }

  write(pieces: readonly Uint8Array[]): number {
    let bytes = 0;
    for (const piece of pieces) bytes += piece.length;
    if (bytes === 0) return this.#queuedBytes;
    if (this.#queuedBytes === 0 && bytes <= this.#system.bufferBytes - this.#unacknowledged) {
      this.#carry(this.#system.join(pieces));
      return 0;
    }
    for (const piece of pieces) if (piece.length > 0) this.#queue.push(piece);
    this.#queuedBytes += bytes;
    this.#fillSystem();
    return this.#queuedBytes;
  }

  /** Behind all that is under way. A reset that can't leave now is lost, and all that waits with it. */
  close(kind: "end" | "reset"): void {
    this.#queue = [];
    this.#queuedBytes = 0;
    if (kind === "reset" && (this.#isObstructed || this.#held.length > 0)) this.drop();
    else this.#send(kind, NOTHING);
  }

  /** The sender's system forgets it. What is on its way arrives, but nothing behind what was held up. */
  drop(): void {
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#isDropped = true;
    this.#isTorn ||= this.#held.length > 0;
    this.#held = [];
    this.#heldAcks = 0;
    this.#unanswered = false;
    this.#calm();
  }

  /** The first packet: the other end is told of the connection. */
  open(): void {
    this.#send("open", NOTHING);
  }

  /** So many bytes were read by the other end. */
  consumed(bytes: number): void {
    if (this.#back.blocked) {
      this.#heldAcks += bytes;
      this.#worry();
    } else if (this.#queuedBytes === 0) {
      this.#unacknowledged -= bytes;
    } else {
      if (this.#acksUnderWay === 0) {
        this.#system.timeline.at(this.#back.arrivalOf(0), () => this.#from.process.enter(() => this.#acknowledged()));
      }
      this.#acksUnderWay += bytes;
    }
  }

  /** Bytes came to an end that is gone: its system answers with a reset, if that gets through. */
  bounced(): void {
    if (this.#from.closed) return;
    if (this.#back.blocked) {
      this.#unanswered = true;
      this.#worry();
    } else {
      this.#system.timeline.at(this.#back.arrivalOf(0), () => this.#from.fail("ECONNRESET"));
    }
  }

  /** A packet is through, in the order of sending, unless it got lost on the way: then it and all behind it wait. */
  arrive(packet: Packet): void {
    if (this.#tail === packet) this.#tail = null;
    const isThrough = !packet.isLost && !this.#isObstructed && this.#held.length === 0;
    if (this.#isDropped) {
      this.#isTorn ||= !isThrough;
      if (!this.#isTorn) this.#deliver(packet);
      return;
    }
    if (isThrough) {
      this.#deliver(packet);
      return;
    }
    this.#held.push(packet);
    this.#worry();
    if (!this.#isObstructed) this.#release();
  }

  /** A way may be open again. */
  retry(): void {
    if (this.#heldAcks > 0 && !this.#back.blocked) {
      const acks = this.#heldAcks;
      this.#heldAcks = 0;
      this.consumed(acks);
    }
    if (this.#unanswered && !this.#back.blocked) {
      this.#unanswered = false;
      this.bounced();
    }
    if (this.#held.length > 0 && !this.#isObstructed) this.#release();
    if (!this.#isStuck) this.#calm();
  }

  /** The timeline's: what was held up arrives, one packet each time. */
  fire(): void {
    this.#releasing = false;
    if (this.#isObstructed) return;
    const packet = this.#held.shift();
    if (this.#held.length > 0) {
      this.#releasing = true;
      this.#system.timeline.schedule(this.#system.timeline.now, this);
    }
    this.#calm();
    if (this.#isStuck) this.#worry();
    if (packet !== undefined) this.#deliver(packet);
  }

  #deliver(packet: Packet): void {
    switch (packet.kind) {
      case "open":
        return this.#to.opened();
      case "data":
        return this.#to.arrived(
          packet.more === null ? packet.bytes : this.#system.join([packet.bytes, ...packet.more]),
        );
      case "end":
        return this.#to.ended();
      case "reset":
        return this.#to.fail("ECONNRESET");
    }
  }

  get #isObstructed(): boolean {
    return this.link.blocked || !this.#to.host.up;
  }

  /** Hands over to the system what fits. */
  #fillSystem(): void {
    const system = this.#system;
    for (;;) {
      const bytes = Math.min(this.#queuedBytes, system.bufferBytes - this.#unacknowledged);
      if (bytes <= 0) return;
      this.#queuedBytes -= bytes;
      this.#carry(system.join(this.#dequeue(bytes)));
    }
  }

  /** The first pieces of the queue, cut so that they are so many bytes. */
  #dequeue(bytes: number): Uint8Array[] {
    const taken: Uint8Array[] = [];
    let count = 0;
    for (const piece of this.#queue) {
      const rest = bytes;
      bytes -= piece.length;
      taken.push(bytes < 0 ? piece.subarray(0, rest) : piece);
      if (bytes < 0) this.#queue[count] = piece.subarray(rest);
      else count++;
      if (bytes <= 0) break;
    }
    this.#queue.splice(0, count);
    return taken;
  }

  #carry(chunk: Uint8Array): void {
    this.#unacknowledged += chunk.length;
    let rest = chunk;
    for (;;) {
      const size = this.#cut(rest.length);
      if (size === rest.length) break;
      this.#send("data", rest.subarray(0, size));
      rest = rest.subarray(size);
    }
    this.#send("data", rest);
  }

  /** How many of so many bytes travel together. */
  #cut(bytes: number): number {
    const { chunking, cutRate } = this.#system;
    const { random, bytesPerMs } = this.link;
    if (bytes > 1 && chunking && random.chance(cutRate)) return 1 + random.below(bytes - 1);
    return bytesPerMs === Number.POSITIVE_INFINITY ? bytes : Math.min(bytes, SEGMENT_BYTES);
  }

  #send(kind: PacketKind, bytes: Uint8Array): void {
    const arrival = this.link.arrivalOf(bytes.length);
    const tail = this.#tail;
    const isLost = this.#isObstructed;
    if (arrival <= this.#lastArrival && kind === "data" && tail?.kind === "data" && tail.isLost === isLost) {
      // It would overtake, so it has to wait for what is before it; the other end then reads both at once.
      if (tail.more === null) tail.more = [bytes];
      else tail.more.push(bytes);
      return;
    }
    this.#lastArrival = Math.max(this.#lastArrival, arrival);
    this.#tail = new Packet(this, kind, bytes, isLost);
    this.#system.timeline.schedule(this.#lastArrival, this.#tail);
  }

  #acknowledged(): void {
    this.#unacknowledged -= this.#acksUnderWay;
    this.#acksUnderWay = 0;
    if (this.#queuedBytes === 0) return;
    this.#fillSystem();
    if (this.#queuedBytes === 0) this.#from.drained();
  }

  /** Sends again, some time after the way has opened: TCP tries less often the longer it gets no answer. */
  #release(): void {
    if (this.#releasing) return;
    this.#releasing = true;
    const { timeline, retransmitMs } = this.#system;
    const wait = Math.min(retransmitMs, timeline.now - this.#heldSince) * this.link.random.fraction();
    timeline.schedule(this.link.arrivalOf(0) + wait, this);
  }

  /** Something gets no answer: patience begins to run out. */
  #worry(): void {
    if (this.#patience !== null) return;
    const { timeline, tcpTimeoutMs, stuck } = this.#system;
    stuck.add(this);
    this.#heldSince = timeline.now;
    this.#patience = timeline.at(timeline.now + tcpTimeoutMs, () => {
      this.drop();
      this.#from.fail("ETIMEDOUT");
    });
  }

  get #isStuck(): boolean {
    return this.#held.length > 0 || this.#heldAcks > 0 || this.#unanswered;
  }

  #calm(): void {
    if (this.#patience === null) return;
    this.#patience.cancel();
    this.#patience = null;
    this.#system.stuck.delete(this);
  }
}

class Packet implements Action {
  readonly kind: PacketKind;
  readonly bytes: Uint8Array;
  /** The way was blocked when it left. */
  readonly isLost: boolean;
  /** What caught up with it on the way. */
  more: Uint8Array[] | null = null;
  readonly #pipe: Pipe;

  constructor(pipe: Pipe, kind: PacketKind, bytes: Uint8Array, isLost: boolean) {
    this.#pipe = pipe;
    this.kind = kind;
    this.bytes = bytes;
    this.isLost = isLost;
  }

  fire(): void {
    this.#pipe.arrive(this);
  }
}
