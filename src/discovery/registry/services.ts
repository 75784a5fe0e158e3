/**
 * Services and their instances: who is where, who takes calls, and calls to them.
 *
 * The room `discovery/` is for finding each other, on `store/store.ts` alone:
 *
 *     registry/   services.ts ── registration.ts, health.ts    an instance that is to be found
 *        │        roster.ts, instance.ts, keys.ts              what others see of it
 *        │        caller.ts, arrival.ts                        a call that goes to an instance, and elsewhere if it fails
 *     checks/     health checks that need sockets and processes
 *     adapters/   callers as other libraries want them
 *     dns/        the same answers for those who only know DNS
 *
 * Promises: who watches a service sees its instances as they were at one revision, again after each change, through any
 * failure; while the store cannot be reached, they are those it saw last. `registry/` reaches the world only through ports.
 *
 * Must not know: recipes, how a session lives, how a call is made.
 */
import { follow } from "../../kv/follow.ts";
import {
  comparison,
  deleteOp,
  getOp,
  isCreatedAt,
  prefixRange,
  putOp,
  rangeAt,
  rangeRequest,
} from "../../kv/requests.ts";
import { Wait } from "../../kv/wait.ts";
import type { CallOptions, ReadOptions, Store } from "../../store/store.ts";
import { byteStringOfText, textOf } from "../../wire/byte-string.ts";
import type { ByteString, KeyValue } from "../../wire/kv.ts";
import { Caller, type CallerOptions } from "./caller.ts";
import { noInstance } from "./errors.ts";
import { type Instance, type InstanceFilter, isWanted } from "./instance.ts";
import { ALL_SERVICES, serviceKey, servicePrefix } from "./keys.ts";
import { type RegisterOptions, Registration } from "./registration.ts";
import { decodeOrder, encodeOrder, rosterOf } from "./roster.ts";
import type { RegistrySessions } from "./session.ts";

/** The instances of one service at a revision, in the order of their ids. */
export interface ServiceView {
  readonly service: string;
  readonly revision: number;
  readonly instances: readonly Instance[];
}

/** All services at a revision. */
export interface ServicesView {
  readonly revision: number;
  /** By service, in the order of ids; services without instances are not there. */
  readonly services: ReadonlyMap<string, readonly Instance[]>;
}

/**
 * Services: register an instance, see those there are, call them.
 *
 * @example
 * ```ts
 * await using here = await q.services.register({ service: "shop", address: "10.0.0.7", port: 8080 });
 * for await (const { instances } of q.services.watch("shop")) console.log(instances.length);
 * ```
 */
export class Services {
  readonly #sessions: RegistrySessions;

  /** @internal `q.services` is one. */
  constructor(sessions: RegistrySessions) {
    this.#sessions = sessions;
  }

  get store(): Store {
    return this.#sessions.store;
  }

  /**
   * Lets an instance be found, until it is released, or its program ends.
   * @param options `session`: in whose name; default: the one that all share, which is replaced when it was lost
   * @throws QuorateError `TAKEN` if another session has the id; `INVALID_ARGUMENT` naming what cannot be used
   */
  register(
    { session, ...options }: RegisterOptions & { readonly session?: RegistrySessions },
    call?: CallOptions,
  ): Promise<Registration> {
    return Registration.open(session ?? this.#sessions, options, call);
  }

  /** The instances of a service; those that are up, unless the filter says otherwise. */
  async instances(service: string, filter: InstanceFilter = {}, options?: ReadOptions): Promise<readonly Instance[]> {
    const kvs = await this.#read(servicePrefix(service), options);
    return wanted(rosterOf(kvs).get(service), filter);
  }

  /** All services and all of their instances, in whatever state. */
  async list(options?: ReadOptions): Promise<ReadonlyMap<string, readonly Instance[]>> {
    return rosterOf(await this.#read(ALL_SERVICES, options));
  }

  /** The instances of a service, and again after each change of them, until `signal` is aborted. */
  async *watch(
    service: string,
    filter: InstanceFilter = {},
    options: Pick<CallOptions, "signal"> = {},
  ): AsyncGenerator<ServiceView, void, undefined> {
    let told: string | null = null;
    for await (const { revision, kvs } of follow(this.store, prefixRange(servicePrefix(service)), options)) {
      const instances = wanted(rosterOf(kvs.values()).get(service), filter);
      const text = textOfInstances(instances);
      // Of others than these: nothing to tell.
      if (text === told) continue;
      told = text;
      yield { service, revision, instances };
    }
  }

  /** All services, and again after each change, until `signal` is aborted. */
  async *watchAll(options: Pick<CallOptions, "signal"> = {}): AsyncGenerator<ServicesView, void, undefined> {
    for await (const { revision, kvs } of follow(this.store, prefixRange(ALL_SERVICES), options)) {
      yield { revision, services: rosterOf(kvs.values()) };
    }
  }

  /** Calls instances of a service: keep it, and close it when it is not needed any more. */
  caller(service: string, options: CallerOptions = {}): Caller {
    const { tags, zone } = options.filter ?? {};
    const filter = { ...(tags === undefined ? {} : { tags }), ...(zone === undefined ? {} : { zone }) };
    return new Caller(service, this.store, (signal) => this.watch(service, filter, { signal }), options);
  }

  /**
   * Orders an instance of any program to take no new calls, until it is registered anew.
   * @throws QuorateError `NO_INSTANCE` if there is none with this id
   */
  async drain(service: string, id: string, reason = "", options?: CallOptions): Promise<void> {
    const key = serviceKey({ service, kind: "instance", id });
    const orderKey = serviceKey({ service, kind: "order", id });
    using wait = new Wait(this.store.clock, options);
    for (;;) {
      const reads = { compare: [], success: [getOp(key), getOp(orderKey)], failure: [] };
      const { responses } = await wait.for(this.store.txn(reads, wait.call()));
      const there = rangeAt(responses, 0).kvs[0];
      if (there === undefined) throw noInstance(service, `it has no instance ${JSON.stringify(id)}`);
      const before = rangeAt(responses, 1).kvs[0];
      // Maintenance says more, and lasts longer.
      if (before !== undefined && decodeOrder(textOf(before.value))?.state === "maintenance") return;
      const order = encodeOrder({ state: "draining", reason, fence: String(there.createRevision) });
      const request = {
        compare: [
          isCreatedAt(key, there.createRevision),
          comparison(key, { lease: there.lease }),
          comparison(orderKey, { modRevision: before?.modRevision ?? 0 }),
        ],
        success: [putOp(orderKey, byteStringOfText(order), there.lease)],
        failure: [],
      };
      // Else somebody was faster: look again.
      if ((await wait.for(this.store.txn(request, wait.call()))).succeeded) return;
    }
  }

  /** Orders an instance out of service for a reason, also when it is registered anew later, until `resume`. */
  async maintenance(service: string, id: string, reason: string, options?: CallOptions): Promise<void> {
    const order = byteStringOfText(encodeOrder({ state: "maintenance", reason }));
    await this.store.txn(
      { compare: [], success: [putOp(serviceKey({ service, kind: "order", id }), order)], failure: [] },
      options,
    );
  }

  /** Takes back what was ordered of an instance. */
  async resume(service: string, id: string, options?: CallOptions): Promise<void> {
    await this.store.txn(
      { compare: [], success: [deleteOp(serviceKey({ service, kind: "order", id }))], failure: [] },
      options,
    );
  }

  async #read(prefix: ByteString, options?: ReadOptions): Promise<readonly KeyValue[]> {
    const { key, rangeEnd } = prefixRange(prefix);
    return (await this.store.range(rangeRequest(key, { rangeEnd }), options)).kvs;
  }
}

function wanted(instances: readonly Instance[] = [], filter: InstanceFilter): readonly Instance[] {
  return instances.filter((instance) => isWanted(instance, filter));
}

function textOfInstances(instances: readonly Instance[]): string {
  return JSON.stringify(instances, (_key, value: unknown) => (typeof value === "bigint" ? String(value) : value));
}
