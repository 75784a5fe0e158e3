/**
 * Calls to a service: each goes to an instance that a balancer picks, and elsewhere when it fails and that is safe.
 *
 * Safe means: the call says that it may be made twice (`idempotent`), or it certainly did not arrive (`arrival.ts`).
 * A call without an instance waits for one, as long as its time lasts. While the store cannot be reached, the instances
 * are those seen last.
 */
import { Backoff } from "../../kv/backoff.ts";
import { hasCode, Wait } from "../../kv/wait.ts";
import { type BalancerOptions, balancer } from "../../placement/balance/balancer.ts";
import type { Balancer, Picked } from "../../placement/balance/policy.ts";
import type { PlacementKey } from "../../placement/placement.ts";
import type { CallOptions, Store } from "../../store/store.ts";
import { certainlyNotArrived } from "./arrival.ts";
import { Bell } from "./bell.ts";
import { closed, invalid, noInstance } from "./errors.ts";
import type { Instance, InstanceFilter } from "./instance.ts";

/** How a caller chooses, and how often it tries. */
export interface CallerOptions extends BalancerOptions {
  /** Which instances, of those that are up; default: all. */
  readonly filter?: Pick<InstanceFilter, "tags" | "zone">;
  /** A call is made so often at most; default 3. */
  readonly attempts?: number;
  /** Of calls that say nothing else, over all attempts and the wait for an instance; default 10,000 ms. */
  readonly timeoutMs?: number;
  /** Whether an error speaks against the instance, not against the call; default: each does. */
  readonly isFailure?: (error: unknown) => boolean;
}

export interface ServiceCallOptions extends CallOptions {
  /** It may be made twice; default: no, so that it is repeated only if it certainly did not arrive. */
  readonly idempotent?: boolean;
  /** Calls with the same key go to the same instance, with the policy `consistentHash`. */
  readonly key?: PlacementKey;
  /** It is made so often at most; default: as the caller's. */
  readonly attempts?: number;
}

/** One attempt of a call. */
export interface Attempt {
  /** 1, 2, … */
  readonly number: number;
  /** Aborted when the call is over, by its signal or its time. */
  readonly signal: AbortSignal;
}

const DEFAULT_ATTEMPTS = 3;
const DEFAULT_TIMEOUT_MS = 10_000;

/** Calls a service: at an instance that its balancer picks, and at another one where that is safe. */
export class Caller implements AsyncDisposable {
  readonly service: string;
  readonly #store: Store;
  readonly #options: CallerOptions;
  readonly #balancer: Balancer<Instance>;
  readonly #bell = new Bell();
  readonly #over = new AbortController();
  readonly #following: Promise<void>;
  #instances: readonly Instance[] | null = null;
  /** Why nothing more is heard of the service; null: it is. */
  #error: unknown = null;

  /**
   * @param watch the instances that are up, until the signal is aborted
   * @throws QuorateError `INVALID_ARGUMENT` naming the option that cannot be used
   */
  constructor(
    service: string,
    store: Store,
    watch: (signal: AbortSignal) => AsyncIterable<{ readonly instances: readonly Instance[] }>,
    options: CallerOptions = {},
  ) {
    const { attempts = DEFAULT_ATTEMPTS } = options;
    if (!Number.isInteger(attempts) || attempts < 1) {
      throw invalid(`attempts is ${String(attempts)}: give a whole number above 0`);
    }
    this.service = service;
    this.#store = store;
    this.#options = options;
    this.#balancer = balancer({ outliers: {}, seed: store.random.uint32(), ...options });
    this.#following = this.#follow(watch(this.#over.signal));
  }

  /** Those that are up now, as far as it knows. */
  get instances(): readonly Instance[] {
    return this.#instances ?? [];
  }

  /**
   * An instance for a call that the program makes by itself; it must say when that has `ended`. Waits for one.
   * @throws QuorateError `NO_INSTANCE` if there is none in time
   */
  async pick(options: Omit<ServiceCallOptions, "idempotent" | "attempts"> = {}): Promise<Picked<Instance>> {
    using wait = this.#wait(options);
    return await this.#pick(wait, options.key, new Set());
  }

  /**
   * Makes a call.
   * @param make throws if it failed
   * @throws QuorateError `NO_INSTANCE` if there is none in time, `TIMEOUT`, `ABORTED`; what `make` threw last
   * @example
   * ```ts
   * const total = await shop.call(async ({ address, port }, { signal }) => ask(address, port, signal), { idempotent: true });
   * ```
   */
  async call<T>(
    make: (instance: Instance, attempt: Attempt) => Promise<T>,
    options: ServiceCallOptions = {},
  ): Promise<T> {
    const { isFailure = () => true } = this.#options;
    const attempts = options.attempts ?? this.#options.attempts ?? DEFAULT_ATTEMPTS;
    const { clock, random } = this.#store;
    using wait = this.#wait(options);
    const backoff = new Backoff(random);
    const tried = new Set<string>();
    for (let number = 1; ; number++) {
      const picked = await this.#pick(wait, options.key, tried);
      const { id } = picked.instance;
      try {
        const result = await wait.for(make(picked.instance, { number, signal: wait.signal }));
        picked.ended({ now: clock.now(), ok: true });
        return result;
      } catch (error) {
        // A caller who has gone away says nothing about the instance.
        const isGivenUp = wait.over && hasCode(error, "ABORTED");
        picked.ended({ now: clock.now(), ok: isGivenUp || !isFailure(error) });
        const isSafe = options.idempotent === true || certainlyNotArrived(error);
        if (wait.over || number >= attempts || !isSafe) throw error;
      }
      // All have been tried: begin again, a little later.
      tried.add(id);
      if (this.instances.every((one) => tried.has(one.id))) {
        tried.clear();
        await wait.sleep(backoff.next());
      }
    }
  }

  /** Ends its watch; calls that are under way go on. */
  async close(): Promise<void> {
    this.#error ??= closed(`the caller of service ${JSON.stringify(this.service)}`);
    this.#over.abort();
    this.#bell.ring();
    await this.#following;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #wait({ signal, timeoutMs }: CallOptions): Wait {
    const { timeoutMs: otherwise = DEFAULT_TIMEOUT_MS } = this.#options;
    const time = { timeoutMs: timeoutMs ?? otherwise };
    return new Wait(this.#store.clock, signal === undefined ? time : { ...time, signal });
  }

  async #pick(wait: Wait, key: PlacementKey | undefined, tried: ReadonlySet<string>): Promise<Picked<Instance>> {
    for (;;) {
      if (this.#error !== null) throw this.#error;
      wait.check();
      const ask = { now: this.#store.clock.now(), isExcluded: ({ id }: Instance) => tried.has(id) };
      const keyed = key === undefined ? {} : { key };
      // The only ones left may be those that were tried: better than none.
      const picked = this.#balancer.pick({ ...ask, ...keyed }) ?? this.#balancer.pick({ now: ask.now, ...keyed });
      if (picked !== null) return picked;
      try {
        await wait.for(this.#bell.next);
      } catch (error) {
        if (!hasCode(error, "TIMEOUT")) throw error;
        throw noInstance(
          this.service,
          this.#instances === null ? "nothing was heard of it in time" : "no instance is up",
        );
      }
    }
  }

  async #follow(views: AsyncIterable<{ readonly instances: readonly Instance[] }>): Promise<void> {
    try {
      for await (const { instances } of views) {
        this.#instances = instances;
        this.#balancer.update(instances, this.#store.clock.now());
        this.#bell.ring();
      }
      this.#error ??= closed("the store");
    } catch (error) {
      this.#error ??= error;
    }
    this.#bell.ring();
  }
}
