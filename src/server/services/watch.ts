/**
 * etcdserverpb.Watch: one stream, any number of watchers, each with an id.
 *
 * Rules that clients rely on: nothing for an id comes before its `created`; a request that cannot be granted is answered
 * by one message, created and canceled at once with id -1, never by an error of the stream; a cancel of an unknown id is
 * answered by silence; progress is told only when it is true for every watcher it is told for.
 */
import type { Scheduled } from "../../environment.ts";
import { etcdErrors } from "../../keyspace/etcd-errors.ts";
import type { Watcher, WatchRequest, WatchSink } from "../../keyspace/watch.ts";
import { byteString } from "../../wire/byte-string.ts";
import {
  WatchCreateRequest_FilterType as FilterType,
  type WatchCreateRequest,
  WatchRequestSchema,
} from "../../wire/gen/etcdserverpb/watch_pb.ts";
import type { WatchEvent, WatchResponse } from "../../wire/kv.ts";
import type { BidiCall, Method } from "../front-door.ts";
import { decodeMessage, errorFor } from "../messages.ts";
import type { ServiceContext } from "../service-context.ts";
import { WatchOutbox } from "./watch-outbox.ts";

/** In messages that speak for no watcher, or for all of the stream. */
const NO_WATCH_ID = -1;

export function watchMethods(context: ServiceContext): Method[] {
  return [
    {
      kind: "bidi",
      path: "/etcdserverpb.Watch/Watch",
      handle(call) {
        new WatchStream(context, call).start();
      },
    },
  ];
}

interface Watching {
  readonly id: number;
  readonly watcher: Watcher;
  /** Wants to be told of progress now and then. */
  readonly notify: boolean;
  /** Was told something since the last time progress was due. */
  heard: boolean;
}

class WatchStream {
  readonly #context: ServiceContext;
  readonly #call: BidiCall;
  readonly #outbox: WatchOutbox;
  readonly #watching = new Map<number, Watching>();
  /** Those whose watcher the hub holds back until the outbox is empty. */
  readonly #held = new Set<Watcher>();
  #nextId = 0;
  #progressTimer: Scheduled | null = null;
  #clientDone = false;

  constructor(context: ServiceContext, call: BidiCall) {
    this.#context = context;
    this.#call = call;
    this.#outbox = new WatchOutbox({
      call,
      header: (revision) => context.view.header(revision),
      maxFragmentBytes: context.limits.maxRequestBytes,
      emptied: () => this.#emptied(),
    });
  }

  start(): void {
    const call = this.#call;
    call.onCancel(() => this.#over());
    call.onMessage((bytes) => {
      try {
        this.#take(bytes);
      } catch (error) {
        call.end(errorFor(error));
      }
    });
    // Who half-closes wants no more watchers, but those there are go on.
    call.onEnd(() => {
      this.#clientDone = true;
      this.#endIfDone();
    });
  }

  #take(bytes: Uint8Array): void {
    const { requestUnion } = decodeMessage(WatchRequestSchema, bytes);
    switch (requestUnion.case) {
      case "createRequest":
        this.#create(requestUnion.value);
        break;
      case "cancelRequest":
        this.#cancel(Number(requestUnion.value.watchId));
        break;
      case "progressRequest":
        this.#answerProgress();
        break;
      case undefined:
        // Something newer than this server: etcd passes over it, too.
        break;
    }
    // Each request costs an answer: who does not read these is not listened to either.
    if (!this.#outbox.isEmpty) this.#call.pause();
  }

  #create(asked: WatchCreateRequest): void {
    const { replica, limits } = this.#context;
    const { revision } = replica.keyspace;
    const refuse = (cancelReason: string): void =>
      this.#outbox.say(this.#response(NO_WATCH_ID, revision, { created: true, canceled: true, cancelReason }));

    const start = Number(asked.startRevision);
    if (start < 0) return refuse(etcdErrors.compacted().message);
    if (this.#watching.size >= limits.maxWatchersPerStream) {
      return refuse(`quorate: this stream has ${limits.maxWatchersPerStream} watchers, the most it may; open another`);
    }
    const wanted = Number(asked.watchId);
    if (!Number.isSafeInteger(wanted)) return refuse(`quorate: watch id ${asked.watchId} is not below 2^53`);
    if (wanted !== 0 && this.#watching.has(wanted)) {
      return refuse("mvcc: duplicate watch ID provided on the WatchStream");
    }
    const id = wanted === 0 ? this.#freeId() : wanted;
    const request: WatchRequest = {
      key: asked.key.length === 0 ? "\0" : byteString(asked.key),
      rangeEnd: byteString(asked.rangeEnd),
      startRevision: Math.min(start, Number.MAX_SAFE_INTEGER),
      prevKv: asked.prevKv,
      noPut: asked.filters.includes(FilterType.NOPUT),
      noDelete: asked.filters.includes(FilterType.NODELETE),
    };
    let watcher: Watcher;
    try {
      watcher = replica.watches.watch(request, this.#sink(id, asked.fragment));
    } catch (error) {
      return refuse(errorFor(error).message);
    }
    if (wanted === 0) this.#nextId = id + 1;
    this.#watching.set(id, { id, watcher, notify: asked.progressNotify, heard: false });
    this.#outbox.say(this.#response(id, revision, { created: true }));
    if (asked.progressNotify) this.#planProgress();
  }

  /** Never one that was given before: a late message must not be taken for the new watcher's. */
  #freeId(): number {
    while (this.#watching.has(this.#nextId)) this.#nextId += 1;
    return this.#nextId;
  }

  #sink(id: number, fragment: boolean): WatchSink {
    return {
      events: (watcher, events: readonly WatchEvent[], revision) => {
        const watching = this.#watching.get(id);
        if (watching !== undefined) watching.heard = true;
        if (this.#outbox.tell({ watchId: id, events, revision, fragment })) return true;
        this.#held.add(watcher);
        return false;
      },
      compacted: (watcher, compactRevision) => {
        this.#watching.delete(id);
        this.#held.delete(watcher);
        this.#outbox.say(this.#response(id, 0, { canceled: true, compactRevision }));
        this.#endIfDone();
      },
    };
  }

  #cancel(id: number): void {
    const watching = this.#watching.get(id);
    if (watching === undefined) return;
    watching.watcher.cancel();
    this.#watching.delete(id);
    this.#held.delete(watching.watcher);
    this.#outbox.drop(id);
    this.#outbox.say(this.#response(id, this.#context.replica.keyspace.revision, { canceled: true }));
    this.#endIfDone();
  }

  /** Nothing more will come from either side: once the last message is out, the stream is over. */
  #endIfDone(): void {
    if (this.#clientDone && this.#watching.size === 0 && this.#outbox.isEmpty) this.#call.end();
  }

  /** The client reads again: go on where it was left. */
  #emptied(): void {
    const held = [...this.#held];
    this.#held.clear();
    for (const watcher of held) watcher.resume();
    this.#call.resume();
    this.#endIfDone();
  }

  /**
   * One answer for all watchers of the stream, and only if it is true: each has been told everything up to the revision
   * in it, and none waits for a later one. Otherwise there is none; clients ask again.
   */
  #answerProgress(): void {
    const { revision } = this.#context.replica.keyspace;
    if (!this.#outbox.isEmpty) return;
    for (const { watcher } of this.#watching.values()) if (!isToldUpTo(watcher, revision)) return;
    this.#outbox.say(this.#response(NO_WATCH_ID, revision, {}));
  }

  /** With up to a tenth more, so that watchers made together are not told together. */
  #planProgress(): void {
    if (this.#progressTimer !== null) return;
    const { clock, random, limits } = this.#context;
    const delayMs = limits.progressIntervalMs * (1 + random.uint32() / 2 ** 32 / 10);
    this.#progressTimer = clock.after(delayMs, () => {
      this.#progressTimer = null;
      this.#tellProgress();
    });
  }

  #tellProgress(): void {
    const { revision } = this.#context.replica.keyspace;
    let wanted = false;
    for (const watching of this.#watching.values()) {
      if (!watching.notify) continue;
      wanted = true;
      // Told of events since: it knows how far it has come.
      if (!watching.heard && isToldUpTo(watching.watcher, revision) && this.#outbox.isEmpty) {
        this.#outbox.say(this.#response(watching.id, revision, {}));
      }
      watching.heard = false;
    }
    if (wanted) this.#planProgress();
  }

  #over(): void {
    this.#progressTimer?.cancel();
    for (const { watcher } of this.#watching.values()) watcher.cancel();
    this.#watching.clear();
    this.#held.clear();
  }

  #response(watchId: number, revision: number, content: Partial<WatchResponse>): WatchResponse {
    return {
      header: this.#context.view.header(revision),
      watchId,
      created: false,
      canceled: false,
      compactRevision: 0,
      cancelReason: "",
      fragment: false,
      events: [],
      ...content,
    };
  }
}

/** It has been told of everything up to this revision, and its start is not behind it. */
function isToldUpTo({ nextRevision, request }: Watcher, revision: number): boolean {
  return nextRevision === revision + 1 && request.startRevision <= revision;
}
