/**
 * One stream of etcd's Watch service, which all watches of a store share, as long as it lives.
 *
 * Requests and answers:
 * - Creations are answered in the order in which they were asked, refusals too, whatever watch id these carry.
 * - Ids are given here and never used again, so that a late message is nobody's.
 * - A watch that begins behind the member's revision would keep the member from saying how far it has come, and that
 *   answer is how a stream that has gone deaf is told from one that has nothing to say. So it is created again at the
 *   member's next revision; what it does not want is dropped by the watch.
 * - What a member says for the stream as a whole (id -1) is believed only of members that say it in order with the
 *   changes (etcd 3.4.25, 3.5.8 and later), and only for watches that were in place when the oldest open question left.
 */
import type { Clock, Scheduled } from "../../environment.ts";
import { GrpcStatus } from "../../errors.ts";
import { bytesOf } from "../../wire/byte-string.ts";
import { WatchCreateRequest_FilterType as Filter } from "../../wire/gen/etcdserverpb/watch_pb.ts";
import type { WatchEvent, WatchResponse } from "../../wire/kv.ts";
import { type WatchRequest, watch as watchMethod } from "../../wire/methods.ts";
import { CallFailure, type OutboundStream } from "../channel.ts";
import { metadataOf } from "./calls.ts";
import type { Connected } from "./member.ts";
import type { RemoteWatch } from "./remote-watch.ts";

interface Entry {
  readonly id: number;
  readonly watch: RemoteWatch;
  /** The revision it was asked from; 0: from the member's. */
  readonly startRevision: number;
  /** How many creations had been answered before its own; null: it is not in place. */
  activeAs: number | null;
  /** Its consumer is gone, or it is held back: what still comes for it is dropped. */
  dropped: boolean;
  /** Changes of one revision, of which there may be more. */
  held: WatchEvent[];
}

export interface WatchStreamPorts {
  readonly clock: Clock;
  /** How long it may be silent though asked, ms. */
  readonly silenceMs: number;
  /** The stream is over, and these watches go on elsewhere. Null: the member ended it, or it has long had no watch. */
  ended(stream: WatchStream, watches: readonly RemoteWatch[], error: CallFailure | null): void;
  /** `more`: something other than that a watch is in place. */
  heard(stream: WatchStream, more: boolean): void;
  /** The member will not go on with this one. */
  canceled(stream: WatchStream, watch: RemoteWatch, reason: Cancellation): void;
  /** The watch has taken all that it may. */
  filled(watch: RemoteWatch): void;
}

export interface Cancellation {
  /** 0: that is not why. */
  readonly compactRevision: number;
  readonly reason: string;
}

export class WatchStream {
  readonly connected: Connected;
  readonly token: string;
  readonly #ports: WatchStreamPorts;
  readonly #outbound: OutboundStream<WatchRequest>;
  readonly #entries = new Map<number, Entry>();
  readonly #byWatch = new Map<RemoteWatch, Entry>();
  readonly #creating: Entry[] = [];
  #nextId = 1;
  #created = 0;
  /** For each question for progress that may still be answered: how many creations had been answered when it left. */
  #questions: number[] = [];
  #believesProgress = false;
  #heardAt: number;
  #timer: Scheduled | null = null;
  #over = false;

  constructor(connected: Connected, token: string, ports: WatchStreamPorts) {
    this.connected = connected;
    this.token = token;
    this.#ports = ports;
    this.#heardAt = ports.clock.now();
    this.#outbound = connected.channel.open(
      watchMethod,
      { reply: (response) => this.#take(response), ended: (error) => this.#end(error) },
      metadataOf(token, true),
    );
    this.#listen();
  }

  /** Watches on it. */
  get size(): number {
    return this.#entries.size;
  }

  get isOver(): boolean {
    return this.#over;
  }

  /** The member tells of progress in order with the changes. */
  believeProgress(): void {
    this.#believesProgress = true;
  }

  add(watch: RemoteWatch): void {
    this.#create(watch, watch.next);
  }

  /** The watch wants, or may take, no more from here. */
  drop(watch: RemoteWatch): void {
    const entry = this.#byWatch.get(watch);
    if (entry !== undefined) this.#drop(entry);
  }

  close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#timer?.cancel();
    this.#outbound.cancel();
  }

  #create(watch: RemoteWatch, startRevision: number): void {
    const id = this.#nextId++;
    const entry: Entry = { id, watch, startRevision, activeAs: null, dropped: false, held: [] };
    this.#entries.set(id, entry);
    this.#byWatch.set(watch, entry);
    this.#creating.push(entry);
    const { key, rangeEnd, prevKv, without } = watch.request;
    this.#outbound.send({
      requestUnion: {
        case: "createRequest",
        value: {
          watchId: BigInt(id),
          key: bytesOf(key),
          rangeEnd: bytesOf(rangeEnd),
          startRevision: BigInt(startRevision),
          prevKv,
          filters: without.map((type) => (type === "put" ? Filter.NOPUT : Filter.NODELETE)),
          // For every watch: one that hears of nothing would otherwise resume from a revision compacted long since.
          progressNotify: true,
          fragment: true,
        },
      },
    });
  }

  #drop(entry: Entry): void {
    if (entry.dropped) return;
    entry.dropped = true;
    this.#forget(entry);
    this.#outbound.send({ requestUnion: { case: "cancelRequest", value: { watchId: BigInt(entry.id) } } });
  }

  #forget(entry: Entry): void {
    this.#entries.delete(entry.id);
    if (this.#byWatch.get(entry.watch) === entry) this.#byWatch.delete(entry.watch);
  }

  #take(response: WatchResponse): void {
    if (this.#over) return;
    this.#heardAt = this.#ports.clock.now();
    this.#ports.heard(this, !response.created);
    if (response.created) return this.#answerCreation(response);
    if (response.watchId < 0) return this.#progressOfAll(response);
    const entry = this.#entries.get(response.watchId);
    if (entry === undefined) return;
    if (response.canceled) {
      this.#forget(entry);
      this.#ports.canceled(this, entry.watch, {
        compactRevision: response.compactRevision,
        reason: response.cancelReason,
      });
    } else if (response.events.length > 0) {
      this.#changes(entry, response);
    } else if (!response.fragment && entry.activeAs !== null) {
      entry.watch.mark(response.header.revision);
    }
  }

  #answerCreation(response: WatchResponse): void {
    const entry = this.#creating.shift();
    if (entry === undefined) return;
    const { watch } = entry;
    this.#created++;
    if (response.canceled) {
      this.#forget(entry);
      const { compactRevision, cancelReason: reason } = response;
      if (!entry.dropped) this.#ports.canceled(this, watch, { compactRevision, reason });
      return;
    }
    if (entry.dropped) return;
    entry.activeAs = this.#created;
    const { revision } = response.header;
    watch.created(revision);
    if (Math.max(entry.startRevision, 1) <= revision + 1) return;
    this.#drop(entry);
    this.#create(watch, revision + 1);
  }

  #changes(entry: Entry, { events, fragment }: WatchResponse): void {
    for (const event of events) {
      const revision = entry.held[0]?.kv.modRevision ?? event.kv.modRevision;
      if (revision !== event.kv.modRevision) this.#release(entry);
      entry.held.push(event);
    }
    // The rest of its last revision may be in the next fragment.
    if (!fragment) this.#release(entry);
    // Its consumer has this turn to take it: only what stays is too much.
    if (entry.watch.isFull) this.#ports.clock.soon(() => this.#holdBack(entry));
  }

  #holdBack(entry: Entry): void {
    if (this.#over || entry.dropped || !entry.watch.isFull) return;
    this.#drop(entry);
    this.#ports.filled(entry.watch);
  }

  /** The watch is given a revision that is complete. */
  #release(entry: Entry): void {
    const [first] = entry.held;
    if (first === undefined) return;
    entry.watch.take(first.kv.modRevision, entry.held);
    entry.held = [];
  }

  #progressOfAll({ header, canceled }: WatchResponse): void {
    const inPlaceBy = this.#questions.shift();
    if (canceled || !this.#believesProgress || inPlaceBy === undefined) return;
    for (const { watch, activeAs, held } of this.#entries.values()) {
      if (activeAs !== null && activeAs <= inPlaceBy && held.length === 0) watch.mark(header.revision);
    }
  }

  /** Asks when it has been quiet for a while, and gives the stream up when that does not help. */
  #listen(): void {
    const { clock, silenceMs } = this.#ports;
    const quietMs = clock.now() - this.#heardAt;
    if (quietMs >= silenceMs) {
      this.#outbound.cancel();
      return this.#end(this.#entries.size === 0 ? null : deaf(this.connected, silenceMs));
    }
    const isQuiet = quietMs >= silenceMs / 2;
    if (isQuiet && this.#entries.size > 0) this.#ask();
    // A timer that comes a rounding error early asks once more, no worse.
    const untilMs = (isQuiet ? silenceMs : silenceMs / 2) - quietMs;
    this.#timer = clock.after(Math.max(1, untilMs), () => this.#listen());
  }

  #ask(): void {
    this.#questions.push(this.#created);
    this.#outbound.send({ requestUnion: { case: "progressRequest", value: {} } });
  }

  #end(error: CallFailure | null): void {
    if (this.#over) return;
    this.#over = true;
    this.#timer?.cancel();
    const watches = [...this.#entries.values()].map(({ watch }) => watch);
    this.#entries.clear();
    this.#byWatch.clear();
    this.#ports.ended(this, watches, error);
  }
}

function deaf({ channel }: Connected, silenceMs: number): CallFailure {
  const message = `${channel.endpoint} had no word for its watches in ${silenceMs} ms`;
  return new CallFailure("DEADLINE_EXCEEDED", GrpcStatus.deadlineExceeded, message, { mayHaveArrived: true });
}
