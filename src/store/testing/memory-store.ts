/**
 * A store in the memory of one process, for tests: the real keyspace without consensus, in whatever time `Clock` tells,
 * with faults to order. One `MemoryServer` has any number of stores, each a client with a clock, a pace and faults of
 * its own.
 *
 *     MemoryStore ──latency──▶ ┐
 *     MemoryStore ──latency──▶ ├ MemoryServer: Keyspace, Lessor, WatchHub
 *     MemoryStore ──latency──▶ ┘
 *
 * It keeps the contract of `store.ts` to the letter: what its faults show is what any store may show.
 */
import type { Clock, Random } from "../../environment.ts";
import { GrpcStatus, QuorateError } from "../../errors.ts";
import { isReadOnly } from "../../keyspace/keyspace.ts";
import type {
  DeleteRangeResult,
  LeaseId,
  PutRequest,
  PutResult,
  RangeRequest,
  RangeResult,
  ResponseHeader,
  TxnRequest,
  TxnResult,
} from "../../wire/kv.ts";
import { storeErrors } from "../errors.ts";
import type {
  CallOptions,
  LeaseGrant,
  LeaseRenewal,
  LeaseState,
  ReadOptions,
  Reply,
  Store,
  StoreState,
  Watch,
  WatchRequest,
} from "../store.ts";
import { MemoryFaults, outcomeUnknown, unavailable } from "./memory-faults.ts";
import type { MemoryServer } from "./memory-server.ts";
import { MemoryWatch } from "./memory-watch.ts";

export interface MemoryStoreOptions {
  /** The client's own; replies reach it through this one, so that a paused process hears of them later. */
  readonly clock: Clock;
  readonly random: Random;
  /** Of calls that give none; ms, default 5000. */
  readonly timeoutMs?: number;
}

const DEFAULT_TIMEOUT_MS = 5_000;

export class MemoryStore implements Store {
  readonly clock: Clock;
  readonly random: Random;
  readonly faults: MemoryFaults;
  readonly #server: MemoryServer;
  readonly #timeoutMs: number;
  readonly #ends = new Set<(error: QuorateError) => void>();
  readonly #watches = new Set<MemoryWatch>();
  #closed = false;
  readonly #closing = Promise.withResolvers<void>();

  constructor(server: MemoryServer, { clock, random, timeoutMs = DEFAULT_TIMEOUT_MS }: MemoryStoreOptions) {
    this.#server = server;
    this.clock = clock;
    this.random = random;
    this.#timeoutMs = timeoutMs;
    this.faults = new MemoryFaults(clock);
  }

  range(request: RangeRequest, options: ReadOptions = {}): Promise<Reply<RangeResult>> {
    return this.#read(options, () => this.#reply(this.#server.keyspace.range(request)));
  }

  put(request: PutRequest, options: CallOptions = {}): Promise<Reply<PutResult>> {
    return this.#write(options, () => {
      const done = this.#server.execute({ type: "put", request });
      return this.#reply((done as { result: PutResult }).result);
    });
  }

  deleteRange(
    request: { readonly key: string; readonly rangeEnd: string; readonly prevKv: boolean },
    options: CallOptions = {},
  ): Promise<Reply<DeleteRangeResult>> {
    return this.#write(options, () => {
      const done = this.#server.execute({ type: "deleteRange", request });
      return this.#reply((done as { result: DeleteRangeResult }).result);
    });
  }

  txn(request: TxnRequest, options: ReadOptions = {}): Promise<Reply<TxnResult>> {
    if (isReadOnly(request)) {
      return this.#read(options, () => this.#reply(this.#server.keyspace.readTxn(request)));
    }
    return this.#write(options, () => {
      const done = this.#server.execute({ type: "txn", request });
      return this.#reply((done as { result: TxnResult }).result);
    });
  }

  compact(revision: number, options: CallOptions = {}): Promise<ResponseHeader> {
    return this.#write(options, () => {
      this.#server.compact(revision);
      return this.#server.header;
    });
  }

  grantLease(ttlSeconds: number, id: LeaseId = 0n, options: CallOptions = {}): Promise<LeaseGrant> {
    const sentAt = this.clock.now();
    return this.#write(options, () => {
      // Positive, as etcd's own.
      const wanted = id === 0n ? (this.random.uint64() >> 1n) | 1n : id;
      const done = this.#server.execute({ type: "leaseGrant", id: wanted, ttl: ttlSeconds });
      return { id: wanted, ttlSeconds: (done as { ttl: number }).ttl, sentAt };
    });
  }

  async revokeLease(id: LeaseId, options: CallOptions = {}): Promise<void> {
    await this.#write(options, () => this.#server.execute({ type: "leaseRevoke", id }));
  }

  keepLeaseAlive(id: LeaseId, options: CallOptions = {}): Promise<LeaseRenewal> {
    let sentAt = 0;
    return this.#read(
      options,
      () => ({ ttlSeconds: this.#server.renew(id), sentAt }),
      () => {
        sentAt = this.clock.now();
      },
    );
  }

  leaseState(id: LeaseId, withKeys: boolean, options: CallOptions = {}): Promise<LeaseState> {
    return this.#read(options, () => ({
      id,
      ttlSeconds: this.#server.secondsLeft(id),
      grantedTtlSeconds: this.#server.keyspace.leases.get(id)?.ttl ?? 0,
      keys: withKeys ? this.#server.keyspace.leases.keys(id) : [],
    }));
  }

  watch(request: WatchRequest, { signal }: Pick<CallOptions, "signal"> = {}): Watch {
    const server = this.#server;
    let cancel = (): void => undefined;
    const watch = new MemoryWatch(() => {
      cancel();
      this.#watches.delete(watch);
      forget();
      signal?.removeEventListener("abort", stop);
    });
    const stop = (): void => watch.end(null);
    const forget = this.faults.onCut((error) => watch.end(error));
    if (this.#closed) watch.end(closed());
    else if (signal?.aborted === true) watch.end(null);
    if (watch.over) return watch;
    this.#watches.add(watch);
    signal?.addEventListener("abort", stop, { once: true });
    const deliver = this.#inOrder();
    const place = (): void => {
      if (watch.over) return;
      if (this.faults.refusedForMs > 0) {
        server.clock.after(this.faults.refusedForMs, place);
        return;
      }
      const { startRevision } = request;
      const begin = startRevision > 0 ? startRevision : server.keyspace.revision + 1;
      const compacted = new QuorateError(
        "COMPACTED",
        GrpcStatus.outOfRange,
        `changes from revision ${begin} on are compacted: read anew, and watch from there`,
      );
      try {
        const watcher = server.hub.watch(
          {
            ...request,
            startRevision: begin,
            noPut: request.without.includes("put"),
            noDelete: request.without.includes("delete"),
          },
          {
            events: (_watcher, events, revision) => {
              deliver(() => watch.push(events, revision));
              return true;
            },
            compacted: () => deliver(() => watch.end(compacted)),
          },
        );
        cancel = () => watcher.cancel();
      } catch (error) {
        deliver(() => watch.end(error as QuorateError));
        return;
      }
      deliver(() => watch.placed(begin));
      if (request.progress && begin > server.keyspace.revision) deliver(() => watch.push([], begin - 1));
      server.catchUp();
    };
    server.clock.after(this.faults.latencyMs(), place);
    return watch;
  }

  get state(): StoreState {
    return this.#closed ? { is: "closed", error: null } : { is: "connected", endpoint: "memory" };
  }

  async *states(): AsyncGenerator<StoreState, void, undefined> {
    if (!this.#closed) {
      yield this.state;
      await this.#closing.promise;
    }
    yield this.state;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const end of this.#ends) end(closed());
    for (const watch of this.#watches) watch.end(null);
    this.#closing.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #reply<Result extends object>(result: Result): Reply<Result> {
    return { ...result, header: this.#server.header };
  }

  /** Repeated as long as its time lasts. */
  #read<T>(options: CallOptions, run: () => T, onSent: () => void = () => undefined): Promise<T> {
    return this.#call(options, (finish) => {
      const attempt = (): void => {
        if (finish.over) return;
        if (this.faults.refusedForMs > 0) {
          this.clock.after(this.faults.refusedForMs, attempt);
          return;
        }
        onSent();
        this.#travel(run, finish);
      };
      attempt();
      return timedOut;
    });
  }

  /** Leaves once. */
  #write<T>(options: CallOptions, run: () => T): Promise<T> {
    return this.#call(options, (finish) => {
      if (this.faults.refusedForMs > 0) {
        this.clock.after(this.faults.latencyMs(), () => finish.fail(unavailable()));
        return null;
      }
      const unknown = this.faults.takeUnknown();
      if (unknown === null) {
        this.#travel(run, finish);
      } else {
        const answer = (): void => finish.fail(outcomeUnknown("ordered by the test"));
        const effect = (): void => {
          try {
            run();
          } catch {
            // Refused: it has no effect, and nobody hears of it.
          }
        };
        const { clock } = this.#server;
        if (unknown === "applied") clock.after(this.faults.latencyMs(), effect);
        else if (unknown !== "lost") clock.after(this.faults.latencyMs() + unknown.lateMs, effect);
        clock.after(2 * this.faults.latencyMs(), () => this.clock.soon(answer));
      }
      return outcomeUnknown;
    });
  }

  /** There, done, and back. */
  #travel<T>(run: () => T, finish: Finish<T>): void {
    const { clock } = this.#server;
    const reply = (answer: () => void): void => {
      clock.after(this.faults.latencyMs(), () => this.clock.soon(answer));
    };
    clock.after(this.faults.latencyMs(), () => {
      try {
        const result = run();
        reply(() => finish.done(result));
      } catch (error) {
        reply(() => finish.fail(error));
      }
    });
  }

  /** @param start sets it going; gives what to say when its time is over or it is given up; null: its own error */
  #call<T>(options: CallOptions, start: (finish: Finish<T>) => ((why: string) => QuorateError) | null): Promise<T> {
    const { signal, timeoutMs = this.#timeoutMs } = options;
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(closed());
      if (signal?.aborted === true) return reject(aborted(signal));
      if (!(timeoutMs > 0)) return reject(storeErrors.invalidArgument(`timeoutMs is ${timeoutMs}: give more than 0`));
      const end = (): void => {
        finish.over = true;
        timer.cancel();
        this.#ends.delete(onClose);
        signal?.removeEventListener("abort", onAbort);
      };
      const finish: Finish<T> = {
        over: false,
        done: (result) => {
          if (finish.over) return;
          end();
          resolve(result);
        },
        fail: (error) => {
          if (finish.over) return;
          end();
          reject(error);
        },
      };
      let given: ((why: string) => QuorateError) | null = null;
      const onAbort = (): void => {
        finish.fail(given === outcomeUnknown || signal === undefined ? outcomeUnknown("given up") : aborted(signal));
      };
      const onClose = (error: QuorateError): void =>
        finish.fail(given === outcomeUnknown ? outcomeUnknown("the store was closed") : error);
      const timer = this.clock.after(timeoutMs, () =>
        finish.fail((given ?? timedOut)(`no answer within ${timeoutMs} ms`)),
      );
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#ends.add(onClose);
      given = start(finish);
    });
  }

  /** A way to the client on which nothing overtakes. */
  #inOrder(): (run: () => void) => void {
    const { clock } = this.#server;
    let last = 0;
    return (run) => {
      last = Math.max(last, clock.now() + this.faults.latencyMs() + this.faults.refusedForMs);
      clock.after(last - clock.now(), () => this.clock.soon(run));
    };
  }
}

interface Finish<T> {
  over: boolean;
  done(result: T): void;
  fail(error: unknown): void;
}

function closed(): QuorateError {
  return new QuorateError("CLOSED", GrpcStatus.cancelled, "the store is closed: make a new one");
}

function aborted(signal: AbortSignal): QuorateError {
  return new QuorateError("ABORTED", GrpcStatus.cancelled, "the call was given up by its signal", {
    cause: signal.reason,
  });
}

function timedOut(why: string): QuorateError {
  return new QuorateError("TIMEOUT", GrpcStatus.deadlineExceeded, `${why}: the read had no effect, ask again`, {
    retryable: true,
  });
}
