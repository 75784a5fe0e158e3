/**
 * A store whose keyspace is elsewhere: a cluster of Quorate or of etcd, reached over channels.
 *
 * For: everything that `store.ts` promises, made from etcd v3's calls alone. Calls go to one member for as long as it
 * serves (`members.ts`), are repeated or not as `calls.ts` says, watches and renewals share streams (`watches.ts`,
 * `keep-alives.ts`).
 *
 * Must not know how bytes travel, nor a clock or timer besides its own: the same code runs over sockets and in virtual
 * time. Every time and size that it goes by is in `options.ts`.
 */
import type { Clock, Random } from "../../environment.ts";
import type { QuorateError } from "../../errors.ts";
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
import type { Method } from "../../wire/methods.ts";
import * as methods from "../../wire/methods.ts";
import { type Diagnostics, type ObservedStore, tell } from "../diagnostics.ts";
import { storeErrors } from "../errors.ts";
import type {
  CallOptions,
  LeaseGrant,
  LeaseRenewal,
  LeaseState,
  ReadOptions,
  Reply,
  StoreState,
  Watch,
  WatchRequest,
} from "../store.ts";
import { type CallKind, Calls } from "./calls.ts";
import { canBeSerializable, isRead, readAs, withSerializable } from "./consistency.ts";
import { Credentials } from "./credentials.ts";
import { Freshness } from "./freshness.ts";
import { Leases } from "./leases.ts";
import { type Limit, Limits } from "./limit.ts";
import { Members } from "./members.ts";
import { limitsOf, type RemoteLimits, type RemoteStoreOptions } from "./options.ts";
import { States } from "./states.ts";
import { Watches } from "./watches.ts";

const WRITE: CallKind = { isRead: false, needsLeader: true, isCurrent: true };
const READ: CallKind = { isRead: true, needsLeader: true, isCurrent: true };
const READ_HERE: CallKind = { isRead: true, needsLeader: false, isCurrent: false };

interface Headed<Result> {
  readonly header: ResponseHeader;
  readonly result: Result;
}

/** A store in a cluster, over whatever channels it is given: `connect` gives it gRPC. */
export class RemoteStore implements ObservedStore {
  readonly clock: Clock;
  readonly random: Random;
  readonly diagnostics: Diagnostics | undefined;
  readonly #limits: RemoteLimits;
  readonly #open: Limits;
  readonly #members: Members;
  readonly #freshness = new Freshness();
  readonly #calls: Calls;
  readonly #leases: Leases;
  readonly #watches: Watches;
  readonly #states = new States();

  /**
   * Begins to connect at once.
   * @throws QuorateError INVALID_ARGUMENT naming the option that cannot be used
   */
  constructor(options: RemoteStoreOptions) {
    const { clock, random, diallers } = options;
    if (diallers.length === 0) throw storeErrors.invalidArgument("a store needs an endpoint: give at least one");
    const limits = limitsOf(options);
    this.clock = clock;
    this.random = random;
    this.diagnostics = options.diagnostics;
    this.#limits = limits;
    this.#open = new Limits(clock, options.busy);
    const stateChanged = (state: StoreState): void => {
      tell(this, "quorate:status", () => ({ store: this, state }));
      this.#states.tell(state);
    };
    const retried = (what: string, endpoint: string, error: QuorateError): void =>
      tell(this, "quorate:retry", () => ({ store: this, what, endpoint, error }));
    const members = new Members({ diallers, clock, random, limits, stateChanged });
    const credentials = new Credentials(options.user ?? null);
    const freshness = this.#freshness;
    this.#members = members;
    this.#calls = new Calls({ members, credentials, freshness, clock, random, limits, retried });
    this.#leases = new Leases(this.#calls, clock);
    this.#watches = new Watches({ members, credentials, freshness, calls: this.#open, clock, random, limits });
    members.start();
  }

  range(request: RangeRequest, options: ReadOptions = {}): Promise<Reply<RangeResult>> {
    return this.#limited(`get ${shown(request.key)}`, options, (limit) =>
      readAs(options.consistency ?? "linearizable", this.#freshness, this.clock, (serializable) =>
        this.#reply(methods.range, { ...request, serializable }, serializable ? READ_HERE : READ, limit),
      ),
    );
  }

  put(request: PutRequest, options: CallOptions = {}): Promise<Reply<PutResult>> {
    return this.#limited(`put ${shown(request.key)}`, options, (limit) =>
      this.#reply(methods.put, request, WRITE, limit),
    );
  }

  deleteRange(
    request: { readonly key: string; readonly rangeEnd: string; readonly prevKv: boolean },
    options: CallOptions = {},
  ): Promise<Reply<DeleteRangeResult>> {
    return this.#limited(`delete ${shown(request.key)}`, options, (limit) =>
      this.#reply(methods.deleteRange, request, WRITE, limit),
    );
  }

  txn(request: TxnRequest, options: ReadOptions = {}): Promise<Reply<TxnResult>> {
    return this.#limited("transaction", options, (limit) => {
      if (!isRead(request)) return this.#reply(methods.txn, request, WRITE, limit);
      const asked = options.consistency ?? "linearizable";
      const consistency = canBeSerializable(request) ? asked : "linearizable";
      return readAs(consistency, this.#freshness, this.clock, (serializable) =>
        this.#reply(methods.txn, withSerializable(request, serializable), serializable ? READ_HERE : READ, limit),
      );
    });
  }

  compact(revision: number, options: CallOptions = {}): Promise<ResponseHeader> {
    return this.#limited(`compact ${revision}`, options, async (limit) => {
      const compact = {
        ...methods.compact,
        decode: (bytes: Uint8Array) => ({ header: methods.compact.decode(bytes) }),
      };
      const { response } = await this.#calls.call(compact, { revision, physical: false }, WRITE, limit);
      return response.header;
    });
  }

  grantLease(ttlSeconds: number, id: LeaseId = 0n, options: CallOptions = {}): Promise<LeaseGrant> {
    return this.#limited("grant of a lease", options, (limit) => this.#leases.grant(ttlSeconds, id, limit));
  }

  revokeLease(id: LeaseId, options: CallOptions = {}): Promise<void> {
    return this.#limited(`revocation of lease ${id}`, options, (limit) => this.#leases.revoke(id, limit));
  }

  keepLeaseAlive(id: LeaseId, options: CallOptions = {}): Promise<LeaseRenewal> {
    return this.#limited(`renewal of lease ${id}`, options, (limit) => this.#leases.keepAlive(id, limit));
  }

  leaseState(id: LeaseId, withKeys: boolean, options: CallOptions = {}): Promise<LeaseState> {
    return this.#limited(`state of lease ${id}`, options, (limit) => this.#leases.state(id, withKeys, limit));
  }

  watch(request: WatchRequest, options: Pick<CallOptions, "signal"> = {}): Watch {
    return this.#watches.add(request, options);
  }

  get state(): StoreState {
    return this.#members.state;
  }

  states(): AsyncIterable<StoreState> {
    return this.#states.from(() => this.state);
  }

  /**
   * Waits for the first connection.
   * @throws QuorateError UNAVAILABLE with what each endpoint said, ABORTED, CLOSED
   */
  connected(options: CallOptions = {}): Promise<void> {
    return this.#limited("connect", options, async (limit) => void (await this.#members.reach(limit)));
  }

  async close(): Promise<void> {
    this.#end(null);
  }

  /** Closes it for a reason that nobody asked for: all that there was to talk to is gone for good. */
  protected fail(reason: Error): void {
    this.#end(reason);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #end(reason: Error | null): void {
    this.#open.close(reason);
    this.#watches.close(reason);
    this.#leases.close();
    this.#members.close(reason);
  }

  async #limited<T>(what: string, options: CallOptions, run: (limit: Limit) => Promise<T>): Promise<T> {
    const limit = this.#open.begin(what, options.timeoutMs ?? this.#limits.timeoutMs, options);
    const isHeard = this.diagnostics?.["quorate:call"].hasSubscribers === true;
    try {
      return await (isHeard ? this.#told(what, run(limit)) : run(limit));
    } finally {
      limit.release();
    }
  }

  async #told<T>(what: string, call: Promise<T>): Promise<T> {
    const begun = this.clock.now();
    const told = (error: unknown): void =>
      tell(this, "quorate:call", () => ({ store: this, what, tookMs: this.clock.now() - begun, error }));
    try {
      const answer = await call;
      told(null);
      return answer;
    } catch (error) {
      told(error);
      throw error;
    }
  }

  async #reply<Request, Result>(
    method: Method<Request, Headed<Result>>,
    request: Request,
    kind: CallKind,
    limit: Limit,
  ): Promise<Reply<Result>> {
    const { response } = await this.#calls.call(method, request, kind, limit);
    return { ...response.result, header: response.header };
  }
}

/** A key in an error message. */
function shown(key: string): string {
  return JSON.stringify(key.length > 64 ? `${key.slice(0, 64)}…` : key);
}
