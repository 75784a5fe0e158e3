/**
 * Takes messages out of a queue: claims them ahead of their use, up to `prefetch`, in batches, and holds them on its
 * session's lease until they are acknowledged.
 *
 *     watch of wake keys ─┐
 *     poll, due, grace ───┴▶ look ─▶ claim ─▶ ready ─▶ receive / for await ─▶ ack, retry, reject
 *
 * When the session is lost, everything held is over (`Delivery.signal`), and it goes on with the next session.
 */
import { Backoff } from "../../kv/backoff.ts";
import { follow } from "../../kv/follow.ts";
import { deleteOp, prefixEnd, prefixRange, putOp, rangeRequest } from "../../kv/requests.ts";
import { Wait } from "../../kv/wait.ts";
import type { CallOptions } from "../../store/store.ts";
import type { ByteString } from "../../wire/kv.ts";
import { Combiner } from "../combiner.ts";
import { fenced, invalid, malformed } from "../errors.ts";
import type { WorkSession, WorkSessions } from "../session.ts";
import type { Claim } from "./claim.ts";
import { Delivery, type Ended, type Found } from "./delivery.ts";
import { Lanes } from "./lanes.ts";
import type { Layout } from "./layout.ts";
import { runLine } from "./line-run.ts";
import { promote } from "./promotion.ts";
import { type Claimed, Search } from "./search.ts";

/** How much is held, and how long. */
export interface ConsumerOptions {
  /** Messages claimed and not yet settled, at most; default 16. */
  readonly prefetch?: number;
  /** How long a message is held until it comes again, unless it is extended; default: as long as the session lives. */
  readonly visibilityMs?: number;
  /** How often it looks without being woken: for what a dead consumer held; default 1000 ms. */
  readonly pollMs?: number;
}

/** How many, and how long it waits for the first. */
export interface ReceiveOptions extends CallOptions {
  /** At most; default 1. */
  readonly max?: number;
}

export interface ConsumerParts<T> {
  readonly sessions: WorkSessions;
  readonly layout: Layout;
  readonly what: string;
  readonly decode: (payload: ByteString) => T;
  /** Messages that were begun so often without an end are dead letters. */
  readonly attempts: number;
}

const PROMOTION_SLACK_MS = 2;

/** Receives the messages of a queue, one by one or in batches; each stays with it until it says what becomes of it. */
export class Consumer<T> implements AsyncDisposable {
  readonly #parts: ConsumerParts<T>;
  readonly #prefetch: number;
  readonly #visibilityMs: number;
  readonly #pollMs: number;
  readonly #lanes: Lanes;
  readonly #ready: Delivery<T>[] = [];
  readonly #closing = new AbortController();
  readonly #waiting = new Set<() => void>();
  /** Messages and lines that are held. */
  #held = 0;
  #running: Promise<void> | null = null;
  #looking: Promise<unknown> | null = null;
  #failure: unknown = null;
  #nextDue: number | null = null;
  #wakeups = 0;
  /** When all lanes were looked into last. */
  #lookedAt = 0;

  /** @internal `queue.consumer()` makes them. @throws QuorateError `INVALID_ARGUMENT` */
  constructor(parts: ConsumerParts<T>, options: ConsumerOptions = {}) {
    const { prefetch = 16, visibilityMs = Number.POSITIVE_INFINITY, pollMs = 1_000 } = options;
    if (!Number.isSafeInteger(prefetch) || prefetch < 1 || prefetch > 1_000) {
      throw invalid(`prefetch is ${String(prefetch)}: give a whole number from 1 to 1000`);
    }
    if (!(visibilityMs > 0)) throw invalid(`visibilityMs is ${String(visibilityMs)}: give milliseconds above 0`);
    if (!(pollMs >= 10)) throw invalid(`pollMs is ${String(pollMs)}: give 10 milliseconds or more`);
    this.#parts = parts;
    this.#prefetch = prefetch;
    this.#visibilityMs = visibilityMs;
    this.#pollMs = pollMs;
    this.#lanes = new Lanes(parts.layout.lanes, parts.sessions.store.clock.now());
  }

  /** Whether it takes no more. */
  get closing(): boolean {
    return this.#closing.signal.aborted;
  }

  /** Messages that it holds. */
  get held(): number {
    return this.#held;
  }

  /**
   * One message or more as soon as there is one.
   * @throws QuorateError `TIMEOUT`, `ABORTED`; why it cannot go on
   */
  async receive({ max = 1, ...options }: ReceiveOptions = {}): Promise<readonly Delivery<T>[]> {
    if (!Number.isSafeInteger(max) || max < 1) throw invalid(`max is ${String(max)}: give a whole number from 1 on`);
    this.#start();
    using wait = new Wait(this.#clock, options);
    for (;;) {
      const ready = this.#ready.splice(0, max).filter(({ held }) => held);
      if (ready.length > 0) return ready;
      if (this.#failure !== null) throw this.#failure;
      if (this.#closing.signal.aborted) return [];
      await this.#change(wait);
    }
  }

  /** All messages, one by one, until it is closed. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Delivery<T>, void, undefined> {
    for (;;) {
      const [delivery] = await this.receive();
      if (delivery === undefined) return;
      yield delivery;
    }
  }

  /** Claims no more, and gives back what nobody has begun to use. What was received can still be settled. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#wake();
    await this.#running;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get #clock() {
    return this.#parts.sessions.store.clock;
  }

  #start(): void {
    this.#running ??= this.#run();
  }

  /** One session after the other. */
  async #run(): Promise<void> {
    const { sessions } = this.#parts;
    const backoff = new Backoff(sessions.store.random);
    const watching = this.#watch();
    while (!this.#closing.signal.aborted && this.#failure === null) {
      using wait = new Wait(this.#clock, { signal: this.#closing.signal });
      try {
        const session = await sessions.current(wait.call());
        await this.#runIn(session);
        backoff.reset();
      } catch (error) {
        if (this.#closing.signal.aborted) break;
        if (isHopeless(error)) this.#failure = error;
        else await wait.sleep(backoff.next()).catch(() => undefined);
      }
    }
    await this.#giveBack();
    this.#closing.abort();
    this.#wake();
    await watching;
  }

  async #runIn(session: WorkSession): Promise<void> {
    const { layout, sessions } = this.#parts;
    const { store } = sessions;
    const self = `${session.id.toString(16)}.${session.nextNumber()}`;
    const combiner = new Combiner(store, session, layout.writers);
    const search = new Search(store, layout, this.#lanes, self);
    using wait = new Wait(this.#clock, { signal: this.#closing.signal }, session);
    const member = layout.consumer(self);
    await combiner.add({
      request: { compare: [], success: [putOp(member, "", session.id)], failure: [] },
    });
    this.#lanes.wakeAll(this.#clock.now());
    try {
      while (!wait.over) {
        const want = this.#prefetch - this.#held;
        if (want <= 0) {
          await this.#change(wait);
          continue;
        }
        const wakeups = this.#wakeups;
        const looking = search.claim(combiner, want, wait);
        // What was claimed is known also when the wait is over first: it must be given back.
        const accepted = looking.then(({ claimed }) => this.#accept(claimed));
        this.#looking = accepted.catch(() => undefined);
        const { claimed, nextDue } = await looking;
        await accepted;
        this.#nextDue = nextDue;
        if (nextDue !== null && nextDue <= this.#clock.wallClock()) {
          if ((await promote(store, layout, combiner, wait)) > 0) continue;
        }
        if (claimed.length === 0 && wakeups === this.#wakeups) await this.#idle(wait);
      }
    } finally {
      if (session.check()) {
        await combiner
          .add({ request: { compare: [], success: [deleteOp(member)], failure: [] } })
          .catch(() => undefined);
      }
    }
  }

  async #accept(claimed: readonly Claimed[]): Promise<void> {
    this.#held += claimed.length;
    await Promise.all(
      claimed.map(async (one) => {
        if (one.type === "line") {
          this.#runLine(one);
          return;
        }
        let { begun } = one;
        if (begun > 0) {
          const again = putOp(this.#parts.layout.begun(one.found.token), `${begun + 1}`);
          await one.claim.write({ request: { compare: [], success: [again], failure: [] } }).catch(() => {
            begun = -1;
          });
        }
        const ended = (): void => this.#let();
        if (begun < 0) return ended();
        await this.#deliver(one.claim, one.found, begun, false, ended);
      }),
    );
  }

  #runLine(line: Extract<Claimed, { type: "line" }>): void {
    const { sessions, layout } = this.#parts;
    const deliver = (found: Found, begun: number, ended: (ended: Ended) => void): Promise<void> =>
      this.#deliver(line.claim, found, begun, true, ended);
    runLine(sessions.store, layout, line, deliver, () => this.#closing.signal.aborted)
      // Lost with the session, or closed: another has the line, and what it was is told by the deliveries.
      .catch(() => undefined)
      .finally(() => this.#let());
  }

  async #deliver(
    claim: Claim,
    found: Found,
    begun: number,
    inLine: boolean,
    ended: (ended: Ended) => void,
  ): Promise<void> {
    const { layout, sessions, decode, attempts } = this.#parts;
    const { store } = sessions;
    let over = false;
    const onEnd = (how: Ended): void => {
      if (over) return;
      over = true;
      ended(how);
    };
    const parts = {
      store,
      layout,
      claim,
      found,
      attempt: begun + 1,
      inLine,
      visibilityMs: this.#visibilityMs,
      onEnd,
    };
    // One that is lost with its session is let go, too.
    claim.signal.addEventListener("abort", () => onEnd("back"), { once: true });
    try {
      if (begun >= attempts) {
        await this.#bury({ ...parts, payload: "" }, `it was begun ${begun} times and never acknowledged`);
        return;
      }
      const payload = await this.#payload(found);
      let value: T;
      try {
        value = decode(payload);
      } catch (error) {
        await this.#bury({ ...parts, payload: "" }, `it cannot be read: ${String(error)}`);
        return;
      }
      this.#ready.push(new Delivery({ ...parts, payload }, value));
      this.#wake();
    } catch (error) {
      claim.end(fenced(claim.what));
      if (isHopeless(error)) this.#failure = error;
    }
  }

  async #bury(parts: ConstructorParameters<typeof Delivery>[0], reason: string): Promise<void> {
    await new Delivery({ ...parts, visibilityMs: Number.POSITIVE_INFINITY }, null).reject(reason);
  }

  async #payload({ token, stored }: Found): Promise<ByteString> {
    const { c: chunks = 0 } = stored.envelope;
    if (chunks === 0) return stored.payload;
    const { layout, sessions } = this.#parts;
    const prefix = layout.chunks(token);
    const { kvs } = await sessions.store.range(rangeRequest(prefix, { rangeEnd: prefixEnd(prefix) }));
    if (kvs.length !== chunks) throw malformed(`the message ${token}, with ${kvs.length} of ${chunks} chunks,`);
    return kvs.map(({ value }) => value).join("");
  }

  #let(): void {
    this.#held -= 1;
    this.#wake();
  }

  /** What was claimed for nobody goes back at once. */
  async #giveBack(): Promise<void> {
    await this.#looking;
    const unused = this.#ready.splice(0).filter(({ held }) => held);
    await Promise.all(unused.map((delivery) => delivery.unused().catch(() => undefined)));
  }

  async #watch(): Promise<void> {
    const { layout, sessions } = this.#parts;
    const { signal } = this.#closing;
    try {
      for await (const { events } of follow(sessions.store, prefixRange(layout.wakes), { signal })) {
        const now = this.#clock.now();
        for (const { kv } of events) {
          this.#lanes.wake(Number.parseInt(kv.key.slice(layout.wakes.length), 16), kv.modRevision, now);
        }
        this.#wakeups += 1;
        this.#wake();
      }
    } catch (error) {
      this.#failure ??= error;
      this.#closing.abort();
      this.#wake();
    }
  }

  /** Until something came, is due, may be taken from others, or it is time to look. */
  async #idle(wait: Wait): Promise<void> {
    const now = this.#clock.now();
    const { random } = this.#parts.sessions.store;
    const poll = this.#pollMs * (0.75 + random.uint32() / 2 ** 33);
    const due = this.#nextDue === null ? poll : this.#nextDue - this.#clock.wallClock() + PROMOTION_SLACK_MS;
    const grace = this.#lanes.graceLeftMs(now) ?? poll;
    const ms = Math.max(1, Math.min(poll, due, Math.max(grace, PROMOTION_SLACK_MS)));
    const timer = this.#clock.after(ms, () => this.#wake());
    try {
      await this.#change(wait);
    } finally {
      timer.cancel();
    }
    if (this.#clock.now() - this.#lookedAt >= poll) {
      this.#lookedAt = this.#clock.now();
      this.#lanes.wakeAll(this.#lookedAt);
    }
  }

  async #change(wait: Wait): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.add(resolve);
    try {
      await wait.for(promise);
    } finally {
      this.#waiting.delete(resolve);
    }
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve();
  }
}

/** Neither time nor another session helps. */
function isHopeless(error: unknown): boolean {
  const code = (error as { readonly code?: string }).code;
  return code === "CLOSED" || code === "PERMISSION_DENIED" || code === "INVALID_ARGUMENT";
}
