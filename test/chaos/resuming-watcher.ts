/**
 * A watcher that lives through the death of members: when its stream ends, it goes on at another member from the
 * revision after the last that it saw in full.
 */

import { create } from "@bufbuild/protobuf";
import type { WatchResponse } from "../../src/wire/gen/etcdserverpb/watch_pb.ts";
import { WatchRequestSchema } from "../../src/wire/gen/etcdserverpb/watch_pb.ts";
import { Event_EventType } from "../../src/wire/gen/mvccpb/kv_pb.ts";
import { bytesOf, MemberClient, prefixEnd, textOf, type WatchStream } from "../support/member-client.ts";

const RETRY_MS = 50;

export interface SeenEvent {
  readonly type: "put" | "delete";
  readonly key: string;
  readonly value: string;
  readonly revision: number;
}

export class ResumingWatcher {
  readonly events: SeenEvent[] = [];
  /** How often it had to begin again. */
  resumed = -1;
  /** What a correct server never sends. */
  readonly faults: string[] = [];
  readonly #prefix: string;
  readonly #clients: MemberClient[];
  #at: number;
  #nextRevision: number;
  #stream: WatchStream | null = null;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  /** Begins at once, at the member `first`, with `fromRevision`. */
  constructor(prefix: string, endpoints: readonly string[], first: number, fromRevision: number) {
    this.#prefix = prefix;
    this.#clients = endpoints.map((endpoint) => new MemberClient(endpoint));
    this.#at = first;
    this.#nextRevision = fromRevision;
    this.#open();
  }

  /** Everything up to this revision was seen. */
  get revision(): number {
    return this.#nextRevision - 1;
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#stream?.cancel();
    for (const client of this.#clients) client.close();
  }

  #open(): void {
    this.resumed++;
    const stream = (this.#clients[this.#at % this.#clients.length] as MemberClient).watch();
    this.#stream = stream;
    stream.on("data", (response) => {
      if (this.#stream === stream) this.#take(response);
    });
    stream.on("error", () => this.#again(stream));
    stream.on("end", () => this.#again(stream));
    stream.write(
      create(WatchRequestSchema, {
        requestUnion: {
          case: "createRequest",
          value: {
            key: bytesOf(this.#prefix),
            rangeEnd: prefixEnd(this.#prefix),
            startRevision: BigInt(this.#nextRevision),
          },
        },
      }),
    );
  }

  #again(stream: WatchStream): void {
    if (this.#stopped || this.#stream !== stream) return;
    this.#stream = null;
    stream.cancel();
    this.#at++;
    this.#timer = setTimeout(() => this.#open(), RETRY_MS);
  }

  #take(response: WatchResponse): void {
    if (response.canceled) {
      this.faults.push(`canceled: ${response.cancelReason}, compacted at ${response.compactRevision}`);
      return;
    }
    for (const event of response.events) {
      const revision = Number(event.kv?.modRevision);
      if (revision < this.#nextRevision) {
        this.faults.push(`revision ${revision} came after ${this.#nextRevision - 1}`);
      }
      this.events.push({
        type: event.type === Event_EventType.DELETE ? "delete" : "put",
        key: textOf(event.kv?.key ?? new Uint8Array()),
        value: textOf(event.kv?.value ?? new Uint8Array()),
        revision,
      });
    }
    // Without fragments asked for, a revision is never split over two messages.
    const last = response.events.at(-1)?.kv?.modRevision;
    if (last !== undefined) this.#nextRevision = Number(last) + 1;
  }
}
