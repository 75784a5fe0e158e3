/**
 * A client that watches, writes down what comes, and takes its watch up where it was when the stream breaks. Now and
 * then it stops reading for a while, asks for progress, cancels its watch and listens what else comes, or moves to another
 * member without need.
 */
import type { SeededRandom } from "../../consensus/random.ts";
import { bytesOf } from "../../wire/byte-string.ts";
import {
  WatchCreateRequest_FilterType as FilterType,
  WatchRequestSchema,
} from "../../wire/gen/etcdserverpb/watch_pb.ts";
import type { WatchResponse } from "../../wire/kv.ts";
import { decodeWatchResponse } from "../../wire/watch-codec.ts";
import type { WatchRecord } from "../history.ts";
import type { LineCall } from "../world/line.ts";
import type { Caller } from "./caller.ts";
import { encodeMessage } from "./codec.ts";
import { KEY_END, KEY_PREFIX } from "./kv-client.ts";

const PATH = "/etcdserverpb.Watch/Watch";
const AGAIN_MS = 50;
/** A stream on which nothing comes for so long is given up: its member may be cut off. */
const SILENCE_MS = 4_000;
/** In progress that was asked for. */
const ALL_WATCHES = -1;
/** Who has cancelled a watch listens so long, at most, whether it is really over. */
const LINGER_MS = 1_000;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export class WatchClient {
  readonly #caller: Caller;
  readonly #random: SeededRandom;
  #stopped = false;
  #nextRevision = 0;
  #call: LineCall | null = null;
  #record: Mutable<WatchRecord> | null = null;
  #heardAt = 0;
  /** As the member calls the watch; null: it has not said yet. */
  #watchId: bigint | null = null;

  constructor(caller: Caller) {
    this.#caller = caller;
    this.#random = caller.random;
  }

  /** What it watches, and the revision up to which it was told everything; null: it has no watch now. */
  get told(): { readonly watch: WatchRecord; readonly revision: number } | null {
    return this.#record === null || this.#watchId === null
      ? null
      : { watch: this.#record, revision: this.#nextRevision - 1 };
  }

  start(): void {
    this.#open();
    this.#fidget();
  }

  /** No more whims: it only watches, and looks elsewhere if its stream breaks. */
  calmDown(): void {
    this.#stopped = true;
    this.#call?.resume();
  }

  #later(delayMs: number, run: () => void): void {
    const { timeline } = this.#caller.world;
    timeline.at(timeline.now + delayMs, run);
  }

  #open(): void {
    const { line, recorder, client } = this.#caller;
    const random = this.#random;
    const single = random.chance(0.2);
    const record: Mutable<WatchRecord> = {
      client,
      member: line.member.id,
      key: single ? `${KEY_PREFIX}0` : KEY_PREFIX,
      rangeEnd: single ? "" : KEY_END,
      startRevision: this.#nextRevision,
      prevKv: random.chance(0.4),
      noPut: random.chance(0.05),
      noDelete: random.chance(0.1),
      messages: [],
      ended: null,
    };
    recorder.watches.push(record);
    this.#record = record;
    this.#watchId = null;
    this.#heardAt = this.#caller.world.timeline.now;
    const request = encodeMessage(WatchRequestSchema, {
      requestUnion: {
        case: "createRequest",
        value: {
          key: bytesOf(record.key),
          rangeEnd: bytesOf(record.rangeEnd),
          startRevision: BigInt(record.startRevision),
          prevKv: record.prevKv,
          progressNotify: random.chance(0.5),
          fragment: random.chance(0.3),
          filters: [...(record.noPut ? [FilterType.NOPUT] : []), ...(record.noDelete ? [FilterType.NODELETE] : [])],
        },
      },
    });
    this.#call = line.call(PATH, request, {
      message: (bytes) => {
        this.#caller.world.trace.bytes(bytes);
        this.#take(record, decodeWatchResponse(bytes));
      },
      end: (ending) => this.#ended(record, ending.type === "error" ? ending.error.message : ending.type),
    });
  }

  #take(record: Mutable<WatchRecord>, response: WatchResponse): void {
    const { recorder, world, client } = this.#caller;
    this.#heardAt = world.timeline.now;
    const moment = recorder.moment();
    const { revision } = response.header;
    world.trace.say(`c${client}`, () => `watch: ${describe(response)}`);
    if (response.created && !response.canceled) {
      record.messages.push({ type: "created", moment, revision });
      this.#watchId = BigInt(response.watchId);
      // One that begins now need not be told of what was before.
      if (record.startRevision === 0) this.#nextRevision = Math.max(this.#nextRevision, revision + 1);
    }
    if (response.canceled) {
      const { compactRevision, cancelReason: reason } = response;
      record.messages.push({ type: "canceled", moment, revision, compactRevision, reason });
      if (compactRevision > 0) this.#nextRevision = compactRevision;
      const call = this.#call;
      return this.#later(compactRevision > 0 ? 0 : this.#random.between(0, LINGER_MS), () => {
        call?.cancel();
        this.#ended(record, "canceled");
      });
    }
    if (response.created) return;
    if (response.events.length === 0) {
      // What is said of the whole stream is not said of a watch that is over.
      if (response.watchId === ALL_WATCHES && record.messages.at(-1)?.type === "canceled") return;
      record.messages.push({ type: "progress", moment, revision });
      this.#nextRevision = Math.max(this.#nextRevision, revision + 1);
      return;
    }
    const { events, fragment } = response;
    record.messages.push({ type: "events", moment, revision, fragment, events });
    const last = events.at(-1)?.kv.modRevision ?? 0;
    // A fragment's revisions may go on in the next message.
    if (!fragment) this.#nextRevision = Math.max(this.#nextRevision, last + 1);
  }

  #ended(record: Mutable<WatchRecord>, why: string): void {
    if (record.ended !== null) return;
    record.ended = why;
    if (this.#record !== record) return;
    this.#record = null;
    this.#call = null;
    this.#caller.moveOn();
    this.#later(AGAIN_MS, () => this.#open());
  }

  /** What makes a watch interesting. */
  #fidget(): void {
    this.#later(this.#random.between(100, 2_000), () => {
      const { timeline } = this.#caller.world;
      const call = this.#call;
      const record = this.#record;
      if (call !== null && record !== null) {
        // In peace, only a connection that is gone is an excuse for silence.
        const patient = this.#stopped && !call.severed;
        if (timeline.now - this.#heardAt > SILENCE_MS && !patient) {
          call.cancel();
          this.#ended(record, "silence");
        } else if (!this.#stopped) {
          this.#whim(call, record);
        }
      }
      this.#fidget();
    });
  }

  #whim(call: LineCall, record: Mutable<WatchRecord>): void {
    const random = this.#random;
    if (random.chance(0.3)) {
      call.pause();
      this.#later(random.between(100, 1_500), () => call.resume());
    } else if (random.chance(0.4)) {
      call.send(encodeMessage(WatchRequestSchema, { requestUnion: { case: "progressRequest", value: {} } }));
    } else if (random.chance(0.2) && this.#watchId !== null) {
      const value = { watchId: this.#watchId };
      call.send(encodeMessage(WatchRequestSchema, { requestUnion: { case: "cancelRequest", value } }));
    } else if (random.chance(0.2)) {
      call.cancel();
      this.#ended(record, "moved");
    }
  }
}

function describe({ header, created, canceled, events, compactRevision }: WatchResponse): string {
  if (canceled) return `canceled at revision ${header.revision}, compacted up to ${compactRevision}`;
  if (created) return `created at revision ${header.revision}`;
  if (events.length === 0) return `progress to revision ${header.revision}`;
  return events.map(({ type, kv }) => `${type} ${kv.key}@${kv.modRevision}`).join(", ");
}
