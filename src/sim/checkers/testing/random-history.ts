/**
 * Histories by chance of clients that call a store at the same time, each call taking effect at one moment between its
 * invocation and its answer. So all that is promised holds in them.
 */
import { SeededRandom } from "../../../consensus/random.ts";
import type { WatchEvent } from "../../../wire/kv.ts";
import type {
  Call,
  ClientRequest,
  GuardedWrite,
  History,
  Moment,
  Outcome,
  TrueChange,
  TrueLease,
  Truth,
} from "../../history.ts";
import { isKvRequest, isSerializable, type KvRequest } from "../client-calls.ts";
import { PlainStore } from "./plain-store.ts";
import { RandomRequests } from "./random-requests.ts";
import { compare, put, read, remove, txn } from "./requests.ts";
import { SimpleWatch } from "./simple-watch.ts";

export interface RandomHistoryOptions {
  readonly seed: number;
  readonly calls: number;
  readonly clients?: number;
  readonly keys?: number;
  /** Share of the calls that get no answer. */
  readonly unknown?: number;
  /** Leases, locks, compactions, watches and serializable reads as well. */
  readonly isRich?: boolean;
}

export interface RandomHistory {
  readonly history: History;
  readonly truth: Truth;
}

const MEMBERS = [1n, 2n, 3n] as const;
const DRIFT = 0.01;
const TTL = 1;
const LOCKS = ["lock/a", "lock/b"] as const;
const OUT_OF_RANGE = 11;

export function randomHistory(options: RandomHistoryOptions): RandomHistory {
  return new HistoryMaker(options).run();
}

interface Lease {
  readonly id: bigint;
  readonly granted: Moment;
  deadline: number;
  revoked: Moment | null;
  revokedRevision: number | null;
}

interface Client {
  readonly id: number;
  readonly member: (typeof MEMBERS)[number];
  call: Call | null;
  /** What the call will be answered with, once it took effect. */
  outcome: Outcome | null;
  lease: bigint | null;
  fence: { readonly lock: string; readonly revision: number } | null;
}

class HistoryMaker {
  readonly #options: Required<RandomHistoryOptions>;
  readonly #random: SeededRandom;
  readonly #requests: RandomRequests;
  readonly #store = new PlainStore();
  readonly #clients: Client[];
  readonly #calls: Call[] = [];
  /** Given up before they took effect: they may yet. */
  readonly #lost: Call[] = [];
  readonly #changes: TrueChange[] = [];
  readonly #leases: Lease[] = [];
  readonly #compactions: { revision: number; committed: Moment }[] = [];
  readonly #watches: SimpleWatch[] = [];
  readonly #guardedWrites: GuardedWrite[] = [];
  readonly #fences = new Map<string, number>();
  /** How far each member has applied the log. */
  readonly #applied = new Map<bigint, number>(MEMBERS.map((member) => [member, 1]));
  #compacted = -1;
  #at = 0;
  #order = 0;

  constructor(options: RandomHistoryOptions) {
    this.#options = { clients: 8, keys: 30, unknown: 0.03, isRich: true, ...options };
    this.#random = new SeededRandom(options.seed);
    this.#requests = new RandomRequests(this.#random, this.#options.keys);
    this.#clients = Array.from({ length: this.#options.clients }, (_, id) => ({
      id,
      member: MEMBERS[id % MEMBERS.length] ?? 1n,
      call: null,
      outcome: null,
      lease: null,
      fence: null,
    }));
  }

  run(): RandomHistory {
    while (this.#calls.length < this.#options.calls) this.#turn();
    const leases = this.#leases.map(({ deadline: _, ...lease }): TrueLease => ({ ...lease, ttl: TTL }));
    return {
      history: {
        calls: this.#calls,
        watches: this.#watches.map(({ record }) => record),
        guardedWrites: this.#guardedWrites,
        clockDrift: DRIFT,
      },
      truth: { changes: this.#changes, leases, compactions: this.#compactions },
    };
  }

  #moment(): Moment {
    this.#at += this.#random.below(3);
    this.#order += 1;
    return { at: this.#at, order: this.#order };
  }

  #turn(): void {
    const random = this.#random;
    const client = this.#clients[random.below(this.#clients.length)] as Client;
    if (client.call === null) this.#invoke(client);
    else if (client.outcome !== null) this.#return(client, client.outcome);
    else if (random.chance(this.#options.unknown)) this.#giveUp(client, client.call);
    else client.outcome = this.#perform(client, client.call);
    if (this.#lost.length > 0 && random.chance(0.01)) this.#performLost();
    if (!this.#options.isRich) return;
    for (const member of MEMBERS) if (random.chance(0.3)) this.#applied.set(member, this.#store.revision);
    this.#expire();
    if (random.chance(0.01)) this.#watch(client);
    for (const watch of this.#watches) if (random.chance(0.1)) this.#deliver(watch);
    if (client.fence !== null && random.chance(0.3)) this.#writeGuarded(client, client.fence);
  }

  #invoke(client: Client): void {
    const id = this.#calls.length + 1;
    const request = this.#request(client, id);
    client.call = {
      id,
      client: client.id,
      member: client.member,
      life: 1,
      request,
      invoked: this.#moment(),
      returned: null,
      outcome: null,
    };
    client.outcome = null;
    this.#calls.push(client.call);
  }

  #request(client: Client, id: number): ClientRequest {
    const random = this.#random;
    const plain = this.#requests.next(id, this.#store.revision);
    if (!this.#options.isRich || random.chance(0.7)) return plain;
    if (client.lease === null) return { type: "leaseGrant", id: BigInt(id), ttl: TTL };
    const { lease } = client;
    const lock = LOCKS[random.below(LOCKS.length)] ?? LOCKS[0];
    const value = `#${id}#`;
    switch (random.below(10)) {
      case 0:
        return { type: "leaseRevoke", id: lease };
      case 1:
      case 2:
        return { type: "leaseKeepAlive", id: lease };
      case 3:
        return put(`lease/${random.below(4)}`, value, { lease });
      case 4:
        return txn([compare(lock, "version")], [put(lock, value, { lease })], [read(lock)]);
      case 5:
        return client.fence === null ? read("lease/", { rangeEnd: "lease0" }) : remove(client.fence.lock);
      case 6:
        return random.chance(0.1) ? { type: "compact", revision: 1 + random.below(this.#store.revision) } : read(lock);
      default:
        return read("k", { rangeEnd: "m", serializable: true });
    }
  }

  #return(client: Client, outcome: Outcome): void {
    const { call } = client;
    client.call = null;
    if (call === null) return;
    call.returned = this.#moment();
    call.outcome = outcome;
    if (outcome.type !== "answered") return;
    const { result, revision } = outcome;
    if (result.type === "leaseGrant" && call.request.type === "leaseGrant") client.lease = call.request.id;
    if (result.type === "leaseRevoke" || (result.type === "leaseKeepAlive" && result.ttl === 0)) client.lease = null;
    if (call.request.type !== "txn" || result.type !== "txn" || !result.result.succeeded) return;
    const lock = LOCKS.find((key) => call.request.type === "txn" && call.request.request.compare[0]?.key === key);
    if (lock !== undefined) client.fence = { lock, revision };
  }

  #giveUp(client: Client, call: Call): void {
    const moment = this.#moment();
    client.call = null;
    call.returned = moment;
    call.outcome = { type: "unknown", message: "timed out" };
    if (this.#random.chance(0.3)) this.#perform(client, call);
    else if (this.#random.chance(0.5)) this.#lost.push(call);
  }

  #performLost(): void {
    const [call] = this.#lost.splice(this.#random.below(this.#lost.length), 1);
    const client = call === undefined ? undefined : this.#clients[call.client];
    if (call !== undefined && client !== undefined) this.#perform(client, call);
  }

  /** The call takes effect now. */
  #perform(client: Client, call: Call): Outcome {
    const { request } = call;
    if (isKvRequest(request)) return this.#performKv(client, request);
    const answered = (result: Extract<Outcome, { type: "answered" }>["result"]): Outcome => ({
      type: "answered",
      revision: this.#store.revision,
      result,
    });
    switch (request.type) {
      case "compact":
        if (request.revision <= this.#compacted) return refused(OUT_OF_RANGE, "required revision has been compacted");
        this.#compacted = request.revision;
        this.#compactions.push({ revision: request.revision, committed: this.#moment() });
        return answered({ type: "compact" });
      case "leaseGrant": {
        const granted = this.#moment();
        const deadline = granted.at + 1_000 * TTL;
        this.#leases.push({ id: request.id, granted, deadline, revoked: null, revokedRevision: null });
        return answered({ type: "leaseGrant", ttl: TTL });
      }
      case "leaseRevoke": {
        const lease = this.#lease(request.id);
        if (lease === null) return refused(5, "requested lease not found");
        this.#revoke(lease);
        return answered({ type: "leaseRevoke" });
      }
      case "leaseKeepAlive": {
        const lease = this.#lease(request.id);
        if (lease !== null) lease.deadline = this.#at + 1_000 * TTL;
        return answered({ type: "leaseKeepAlive", ttl: lease === null ? 0 : TTL });
      }
    }
  }

  #performKv(client: Client, request: KvRequest): Outcome {
    if (isSerializable(request) && request.type === "range") {
      const revision = this.#applied.get(client.member) ?? 1;
      const result = this.#store.range({ ...request.request, revision });
      return { type: "answered", revision, result: { type: "range", result } };
    }
    const lease = request.type === "put" ? request.request.lease : this.#leaseOfLock(request);
    if (lease !== 0n && this.#lease(lease) === null) return refused(5, "requested lease not found");
    if (readsBefore(request, this.#compacted)) return refused(OUT_OF_RANGE, "required revision has been compacted");
    const applied = this.#store.apply(request);
    if (applied === null) return refused(3, "key not found");
    this.#commit(applied.events, null);
    return { type: "answered", revision: applied.revision, result: applied.result };
  }

  #leaseOfLock(request: KvRequest): bigint {
    if (request.type !== "txn") return 0n;
    const [op] = request.request.success;
    return op?.type === "put" ? op.request.lease : 0n;
  }

  #commit(events: readonly WatchEvent[], revokedLease: bigint | null): void {
    if (events.length === 0) return;
    const revision = this.#store.revision;
    this.#changes.push({ revision, events, index: revision + 3, committed: this.#moment(), revokedLease });
  }

  #lease(id: bigint): Lease | null {
    return this.#leases.find((lease) => lease.id === id && lease.revoked === null) ?? null;
  }

  #revoke(lease: Lease): void {
    this.#commit(this.#store.revoke(lease.id), lease.id);
    lease.revoked = this.#changes.at(-1)?.revokedLease === lease.id ? this.#lastCommitted() : this.#moment();
    lease.revokedRevision = this.#store.revision;
  }

  #lastCommitted(): Moment {
    return this.#changes.at(-1)?.committed ?? this.#moment();
  }

  #expire(): void {
    for (const lease of this.#leases) {
      if (lease.revoked === null && lease.deadline <= this.#at && this.#random.chance(0.3)) this.#revoke(lease);
    }
  }

  #watch(client: Client): void {
    const random = this.#random;
    const start = random.chance(0.5) ? 0 : 1 + random.below(this.#store.revision + 5);
    const range = random.chance(0.5)
      ? { key: "key/", rangeEnd: "key0" }
      : { key: `key/${String(random.below(this.#options.keys)).padStart(3, "0")}`, rangeEnd: "" };
    const flags = { prevKv: random.chance(0.5), noPut: random.chance(0.1), noDelete: random.chance(0.1) };
    const record = { client: client.id, member: client.member, ...range, startRevision: start, ...flags };
    this.#watches.push(new SimpleWatch(record, this.#moment(), this.#store.revision));
  }

  #deliver(watch: SimpleWatch): void {
    const upTo = watch.next + this.#random.below(20);
    watch.deliver(this.#changes, Math.min(upTo, this.#store.revision), this.#compacted, this.#random, () =>
      this.#moment(),
    );
  }

  #writeGuarded(client: Client, { lock, revision }: { readonly lock: string; readonly revision: number }): void {
    const newest = this.#fences.get(lock) ?? 0;
    const accepted = revision >= newest;
    this.#guardedWrites.push({ lock, client: client.id, fence: revision, moment: this.#moment(), accepted });
    if (accepted) this.#fences.set(lock, revision);
    else client.fence = null;
  }
}

function refused(code: number, message: string): Outcome {
  return { type: "refused", code, message };
}

/** Whether a range on the way that a request would go, or on any, is compacted: then all of it is refused here. */
function readsBefore(request: KvRequest, compacted: number): boolean {
  const ops = request.type === "txn" ? [...request.request.success, ...request.request.failure] : [request];
  return ops.some((op) => {
    if (op.type === "txn") return readsBefore(op, compacted);
    return op.type === "range" && op.request.revision > 0 && op.request.revision < compacted;
  });
}
