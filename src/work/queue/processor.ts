/** Handlers at work on a queue: so many at once, each message acknowledged, tried again, or buried. */
import { hasCode, Wait } from "../../kv/wait.ts";
import type { CallOptions, Store } from "../../store/store.ts";
import { invalid } from "../errors.ts";
import { type RetryPolicy, retryDelayMs } from "../retry.ts";
import type { Consumer, ConsumerOptions } from "./consumer.ts";
import type { Delivery } from "./delivery.ts";

export interface ProcessorOptions extends ConsumerOptions {
  /** Handlers at once; default 1. */
  readonly concurrency?: number;
  readonly retry?: RetryPolicy;
}

/** Runs until it is drained. */
export class Processor<T> implements AsyncDisposable {
  readonly #store: Store;
  readonly #consumer: Consumer<T>;
  readonly #handle: (message: Delivery<T>) => Promise<unknown>;
  readonly #options: ProcessorOptions & { readonly attempts: number };
  /** Resolves when it has ended. @throws QuorateError why it could not go on */
  readonly ended: Promise<void>;

  constructor(
    store: Store,
    consumer: Consumer<T>,
    handle: (message: Delivery<T>) => Promise<unknown>,
    options: ProcessorOptions & { readonly attempts: number },
  ) {
    const { concurrency = 1 } = options;
    if (!Number.isSafeInteger(concurrency) || concurrency < 1) {
      throw invalid(`concurrency is ${String(concurrency)}: give a whole number from 1 on`);
    }
    this.#store = store;
    this.#consumer = consumer;
    this.#handle = handle;
    this.#options = options;
    const runs = Array.from({ length: concurrency }, () => this.#run());
    this.ended = Promise.all(runs).then(() => undefined);
    this.ended.catch(() => undefined);
  }

  /** Takes no more, lets handlers end, and gives back what nobody has begun. */
  async drain(options?: CallOptions): Promise<void> {
    using wait = new Wait(this.#store.clock, options);
    await wait.for(Promise.all([this.#consumer.close(), this.ended]));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.drain();
  }

  async #run(): Promise<void> {
    for await (const message of this.#consumer) await this.#one(message);
  }

  async #one(message: Delivery<T>): Promise<void> {
    try {
      await this.#attempt(message);
    } catch (error) {
      // It is somebody else's now, or may be: nothing is left to be done here.
      if (!hasCode(error, "FENCED", "SESSION_LOST", "SESSION_CLOSED", "OUTCOME_UNKNOWN")) throw error;
    }
  }

  async #attempt(message: Delivery<T>): Promise<void> {
    try {
      await this.#handle(message);
    } catch (error) {
      if (!message.held) return;
      const { attempts, retry = {} } = this.#options;
      if (message.attempt >= attempts) await message.reject(String(error));
      else await message.retry({ delayMs: retryDelayMs(retry, message.attempt, this.#store.random) });
      return;
    }
    if (message.held) await message.ack();
  }
}
