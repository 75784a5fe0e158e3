import type { Clock } from "../../environment.ts";
import { byteString } from "../../wire/byte-string.ts";
import type { LeaseId } from "../../wire/kv.ts";
import * as methods from "../../wire/methods.ts";
import { storeErrors } from "../errors.ts";
import type { LeaseGrant, LeaseRenewal, LeaseState } from "../store.ts";
import type { CallKind, Calls } from "./calls.ts";
import { KeepAlives } from "./keep-alives.ts";
import type { Limit } from "./limit.ts";

const WRITE: CallKind = { isRead: false, needsLeader: true, isCurrent: true };
/** Answered by the leader, but with the header of the member that was asked. */
const ASK: CallKind = { isRead: true, needsLeader: true, isCurrent: false };

/** The calls of etcd's Lease service. */
export class Leases {
  readonly #calls: Calls;
  readonly #keepAlives: KeepAlives;

  constructor(calls: Calls, clock: Clock) {
    this.#calls = calls;
    this.#keepAlives = new KeepAlives(clock);
  }

  async grant(ttlSeconds: number, id: LeaseId, limit: Limit): Promise<LeaseGrant> {
    if (!Number.isSafeInteger(ttlSeconds) || ttlSeconds <= 0) {
      throw storeErrors.invalidArgument(`a time to live of ${ttlSeconds} s: give whole seconds above 0`);
    }
    const request = { TTL: BigInt(ttlSeconds), ID: id };
    const { response, sentAt } = await this.#calls.call(methods.leaseGrant, request, WRITE, limit);
    return { id: response.ID, ttlSeconds: Number(response.TTL), sentAt };
  }

  async revoke(id: LeaseId, limit: Limit): Promise<void> {
    await this.#calls.call(methods.leaseRevoke, { ID: id }, WRITE, limit);
  }

  async keepAlive(id: LeaseId, limit: Limit): Promise<LeaseRenewal> {
    const { response } = await this.#calls.attempt(ASK, limit, this.#keepAlives.renew(id));
    return response;
  }

  async state(id: LeaseId, withKeys: boolean, limit: Limit): Promise<LeaseState> {
    const { response } = await this.#calls.call(methods.leaseTimeToLive, { ID: id, keys: withKeys }, ASK, limit);
    return {
      id,
      ttlSeconds: Number(response.TTL),
      grantedTtlSeconds: Number(response.grantedTTL),
      keys: response.keys.map((key) => byteString(key)),
    };
  }

  close(): void {
    this.#keepAlives.close();
  }
}
