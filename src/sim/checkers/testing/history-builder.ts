/** Histories by hand: calls that are invoked, take effect and return when the test says so. */
import type { LeaseId, WatchEvent } from "../../../wire/kv.ts";
import type {
  Call,
  ClientRequest,
  ClientResult,
  GuardedWrite,
  History,
  Moment,
  Outcome,
  TrueChange,
  TrueLease,
  Truth,
  WatchMessage,
  WatchRecord,
} from "../../history.ts";
import { isKvRequest } from "../client-calls.ts";
import { PlainStore } from "./plain-store.ts";

type WithoutMoment<Message> = Message extends unknown ? Omit<Message, "moment"> : never;

export class HistoryBuilder {
  /** Milliseconds; each moment is one later than the one before, unless it is set. */
  at = 0;
  readonly store: PlainStore = new PlainStore();
  readonly calls: Call[] = [];
  readonly watches: WatchRecord[] = [];
  readonly guardedWrites: GuardedWrite[] = [];
  readonly changes: TrueChange[] = [];
  readonly leases: TrueLease[] = [];
  readonly compactions: { revision: number; committed: Moment }[] = [];
  clockDrift = 0.01;
  readonly #effects = new Map<Call, Outcome>();
  #order = 0;

  get history(): History {
    const { calls, watches, guardedWrites, clockDrift } = this;
    return { calls, watches, guardedWrites, clockDrift };
  }

  get truth(): Truth {
    const { changes, leases, compactions } = this;
    return { changes, leases, compactions };
  }

  moment(): Moment {
    this.at += 1;
    this.#order += 1;
    return { at: this.at, order: this.#order };
  }

  invoke(client: number, request: ClientRequest, member: bigint = 1n): Call {
    const id = this.calls.length + 1;
    const invoked = this.moment();
    const call: Call = { id, client, member, life: 1, request, invoked, returned: null, outcome: null };
    this.calls.push(call);
    return call;
  }

  /** The call takes effect. */
  perform(call: Call): void {
    const result = this.#apply(call.request);
    const outcome: Outcome =
      result === null
        ? { type: "refused", code: 3, message: "refused" }
        : { type: "answered", revision: this.store.revision, result };
    this.#effects.set(call, outcome);
  }

  /** With what its effect was, or with what the test says. */
  return(call: Call, outcome: Outcome | null = null): void {
    call.returned = this.moment();
    call.outcome = outcome ?? this.#effects.get(call) ?? null;
  }

  lose(call: Call): void {
    this.return(call, { type: "unknown", message: "timed out" });
  }

  /** All at once. */
  run(client: number, request: ClientRequest, member: bigint = 1n): Call {
    const call = this.invoke(client, request, member);
    this.perform(call);
    this.return(call);
    return call;
  }

  /** A call that is answered as the test says, whatever would be true. */
  pretend(client: number, request: ClientRequest, revision: number, result: ClientResult, member: bigint = 1n): Call {
    const call = this.invoke(client, request, member);
    this.return(call, { type: "answered", revision, result });
    return call;
  }

  commit(events: readonly WatchEvent[], revokedLease: LeaseId | null = null): void {
    if (events.length === 0) return;
    const { revision } = this.store;
    this.changes.push({ revision, events, index: revision, committed: this.moment(), revokedLease });
  }

  grant(id: LeaseId, ttl: number): void {
    this.leases.push({ id, ttl, granted: this.moment(), revoked: null, revokedRevision: null });
  }

  /** The lease ends, by whatever cause, and its keys with it. */
  end(id: LeaseId): void {
    const events = this.store.revoke(id);
    this.commit(events, id);
    const at = this.leases.findLastIndex((lease) => lease.id === id);
    const lease = this.leases[at];
    if (lease === undefined) return;
    const revoked = (events.length > 0 ? this.changes.at(-1)?.committed : undefined) ?? this.moment();
    this.leases[at] = { ...lease, revoked, revokedRevision: this.store.revision };
  }

  watch(more: Partial<Omit<WatchRecord, "messages">> = {}): WatchRecord {
    const record: WatchRecord = {
      client: 1,
      member: 1n,
      key: "a",
      rangeEnd: "z",
      startRevision: 0,
      prevKv: false,
      noPut: false,
      noDelete: false,
      ended: null,
      ...more,
      messages: [],
    };
    this.watches.push(record);
    return record;
  }

  tell({ messages }: WatchRecord, message: WithoutMoment<WatchMessage>): void {
    messages.push({ ...message, moment: this.moment() });
  }

  /** What a watcher of everything is told of revisions. */
  events(from: number, to: number = from): WatchEvent[] {
    return this.changes
      .filter(({ revision }) => revision >= from && revision <= to)
      .flatMap(({ events }) => events.map((event) => ({ ...event, prevKv: null })));
  }

  writeGuarded(lock: string, client: number, fence: number, accepted: boolean): void {
    this.guardedWrites.push({ lock, client, fence, accepted, moment: this.moment() });
  }

  #apply(request: ClientRequest): ClientResult | null {
    if (isKvRequest(request)) {
      const applied = this.store.apply(request);
      if (applied !== null) this.commit(applied.events);
      return applied?.result ?? null;
    }
    switch (request.type) {
      case "compact":
        this.compactions.push({ revision: request.revision, committed: this.moment() });
        return { type: "compact" };
      case "leaseGrant":
        this.grant(request.id, request.ttl);
        return { type: "leaseGrant", ttl: request.ttl };
      case "leaseRevoke":
        this.end(request.id);
        return { type: "leaseRevoke" };
      case "leaseKeepAlive": {
        const lease = this.leases.findLast(({ id }) => id === request.id);
        return { type: "leaseKeepAlive", ttl: lease === undefined || lease.revoked !== null ? 0 : lease.ttl };
      }
    }
  }
}
