/**
 * A durable queue: what is sent is received at least once, by one consumer at a time, until it is acknowledged.
 *
 *     send ──▶ ready (or delayed, or in the line of its key) ──claim──▶ held ──ack──▶ gone
 *                ▲                                                       │ ├─reject──▶ dead letter ──replay──▶ ready
 *                └────────(retry; the holder's session ends)─────────────┘ └ too often begun ┘
 *
 * Promises: a message whose send was acknowledged is there until it is acknowledged or a dead letter; what is written with
 * an acknowledgement is written once, by who holds the message; messages of one key come one at a time, in the order in
 * which their sends were acknowledged; a message with an id is sent once in `dedupeMs`.
 *
 * Does not promise: that a handler runs once (its holder may have died after it); order between messages without a key
 * beyond "about the time at which they were sent"; that `maxLength` is not exceeded by what several senders have under way;
 * delays more exact than the clocks of the programs agree.
 *
 * How it fails: `FENCED`, `QUEUE_FULL`, `OUTCOME_UNKNOWN`, `MALFORMED` (`../errors.ts`).
 */
import { type Codec, decodeWith, encodeWith } from "../../kv/codec.ts";
import { getOp, prefixRange } from "../../kv/requests.ts";
import type { ReadOptions } from "../../store/store.ts";

import { invalid } from "../errors.ts";
import { described, workPrefix } from "../names.ts";
import type { WorkSessions } from "../session.ts";
import { Consumer, type ConsumerOptions } from "./consumer.ts";
import { DeadLetters } from "./dead-letters.ts";
import type { Delivery } from "./delivery.ts";
import { Layout } from "./layout.ts";
import { Processor, type ProcessorOptions } from "./processor.ts";
import { type Beside, type MessagePlace, Sender, type SendOptions, type Sent } from "./sender.ts";

/** The same for all who use a queue. */
export interface QueueOptions {
  /** Parts into which it is divided, 1 to 32; default 16. Must be the same everywhere. */
  readonly lanes?: number;
  /** Sends wait, or are refused, when there are so many messages; default: no limit. */
  readonly maxLength?: number;
  /** How long an id is remembered at least; default 5 minutes. */
  readonly dedupeMs?: number;
  /** How often a message is begun before it is a dead letter; default 5. */
  readonly attempts?: number;
}

/** How many messages there are. */
export interface QueueLength {
  /** Ready, or held; those with a key not included. */
  readonly ready: number;
  /** In lines of their keys. */
  readonly inLines: number;
  readonly delayed: number;
  /** Messages and lines that consumers hold. */
  readonly held: number;
  readonly dead: number;
}

/** A durable queue; messages are received at least once, until they are acknowledged. */
export class Queue<In, Out = In> {
  readonly name: string;
  /** @internal For tasks, which keep their records beside. */
  readonly layout: Layout;
  readonly deadLetters: DeadLetters<Out>;
  readonly #sessions: WorkSessions;
  readonly #codec: Codec<In, Out>;
  readonly #sender: Sender;
  readonly #attempts: number;
  readonly #what: string;

  /**
   * @internal `q.queue()` makes them.
   * @param sessions of consumers: short, so that others get soon what a dead one held
   * @param writers of senders: long, so that outcomes become known
   * @throws QuorateError `INVALID_ARGUMENT`
   */
  constructor(
    sessions: WorkSessions,
    writers: WorkSessions,
    name: string,
    codec: Codec<In, Out>,
    options: QueueOptions & { readonly kind?: string } = {},
  ) {
    const { lanes = 16, maxLength = Number.POSITIVE_INFINITY, dedupeMs = 300_000, attempts = 5 } = options;
    const { kind = "queue" } = options;
    if (!Number.isSafeInteger(lanes) || lanes < 1 || lanes > 32) {
      throw invalid(`lanes is ${String(lanes)}: give a whole number from 1 to 32`);
    }
    if (!(maxLength >= 1)) throw invalid(`maxLength is ${String(maxLength)}: give a number from 1 on`);
    if (!(dedupeMs > 0)) throw invalid(`dedupeMs is ${String(dedupeMs)}: give milliseconds above 0`);
    if (!(attempts >= 1)) throw invalid(`attempts is ${String(attempts)}: give a number from 1 on`);
    this.name = name;
    this.#what = described(kind, name);
    this.#sessions = sessions;
    this.#codec = codec;
    this.#attempts = attempts;
    this.layout = new Layout(workPrefix(kind, name), lanes);
    this.#sender = new Sender(this.layout, writers, this.#what, { maxLength, dedupeMs });
    this.deadLetters = new DeadLetters(this.layout, writers, (payload) => decodeWith(codec, payload));
  }

  /** @throws QuorateError `QUEUE_FULL`, `OUTCOME_UNKNOWN`, `INVALID_ARGUMENT` */
  send(value: In, options?: SendOptions): Promise<Sent> {
    return this.#sender.send(encodeWith(this.#codec, value), options);
  }

  /** Many at once, in as few round trips as they fit in. Each is taken or refused alone. */
  sendAll(values: readonly In[], options?: SendOptions): Promise<readonly Sent[]> {
    return Promise.all(values.map((value) => this.send(value, options)));
  }

  /** @internal `send`, with writes in the same transaction: for tasks. */
  sendWith(value: In, options: SendOptions, beside: (place: MessagePlace) => Beside): Promise<Sent> {
    return this.#sender.send(encodeWith(this.#codec, value), options, beside);
  }

  /** To receive one by one, or in batches, and to say what becomes of each. */
  consumer(options?: ConsumerOptions): Consumer<Out> {
    const { layout } = this;
    const decode = (payload: string): Out => decodeWith(this.#codec, payload);
    const parts = { sessions: this.#sessions, layout, what: this.#what, decode, attempts: this.#attempts };
    return new Consumer(parts, options);
  }

  /** Runs `handle` for each message: acknowledged when it returns, tried again later when it throws. */
  process(handle: (message: Delivery<Out>) => Promise<unknown>, options: ProcessorOptions = {}): Processor<Out> {
    const concurrency = options.concurrency ?? 1;
    const consumer = this.consumer({ prefetch: Math.max(1, 2 * concurrency), ...options });
    return new Processor(this.#sessions.store, consumer, handle, { ...options, attempts: this.#attempts });
  }

  async length(options?: ReadOptions): Promise<QueueLength> {
    const success = ["m/", "k/", "d/", "c/", "x/"].map((kind) => {
      const { key, rangeEnd } = prefixRange(`${this.layout.prefix}${kind}`);
      return getOp(key, { rangeEnd, countOnly: true });
    });
    const { responses } = await this.#sessions.store.txn({ compare: [], success, failure: [] }, options);
    const [ready = 0, inLines = 0, delayed = 0, held = 0, dead = 0] = responses.map((one) =>
      one.type === "range" ? one.result.count : 0,
    );
    return { ready, inLines, delayed, held, dead };
  }
}
