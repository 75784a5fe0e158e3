/**
 * Refuses writes that would bring live data over the quota, and raises the NOSPACE alarm, so that all members refuse
 * them until there is room. History does not count: it is compacted by itself when it grows too large.
 */
import { encodeCommand } from "../keyspace/command.ts";
import { etcdErrors } from "../keyspace/etcd-errors.ts";
import type { Replica } from "../replica/face.ts";

/** etcdserverpb.AlarmType */
export const NOSPACE = 1;
/** What a lease is taken to cost. Bytes. */
export const LEASE_COST = 64;

export class SpaceGuard {
  readonly #replica: Replica;
  readonly #quotaBytes: number;
  #raising = false;

  constructor(replica: Replica, quotaBytes: number) {
    this.#replica = replica;
    this.#quotaBytes = quotaBytes;
  }

  /** @throws QuorateError if there is no room for this many bytes more. */
  check(bytes: number): void {
    if (this.#quotaBytes === 0 || this.#replica.keyspace.liveBytes + bytes <= this.#quotaBytes) return;
    this.#raise();
    throw etcdErrors.noSpace();
  }

  #raise(): void {
    const { memberId, keyspace } = this.#replica;
    const raised = keyspace.alarms.list().some((one) => one.memberId === memberId && one.alarm === NOSPACE);
    if (raised || this.#raising) return;
    this.#raising = true;
    this.#replica.propose(encodeCommand({ type: "alarm", action: "activate", memberId, alarm: NOSPACE }), () => {
      this.#raising = false;
    });
  }
}
