/** Leadership that is being handed over on request: each wish ends when another member leads, or is refused, or late. */
import type { Refusal, Status } from "../consensus/engine.ts";
import type { Clock, MemberId, Scheduled } from "../environment.ts";
import type { QuorateError } from "../errors.ts";
import { etcdErrors } from "../keyspace/etcd-errors.ts";

interface Wish {
  readonly timer: Scheduled;
  readonly resolve: () => void;
  readonly reject: (error: QuorateError) => void;
}

export class Transfers {
  readonly #wishes = new Map<number, Wish>();
  readonly #clock: Clock;
  readonly #self: MemberId;

  constructor(clock: Clock, self: MemberId) {
    this.#clock = clock;
    this.#self = self;
  }

  add(id: number, timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = this.#clock.after(timeoutMs, () => this.#end(id, etcdErrors.timeout()));
      this.#wishes.set(id, { timer, resolve, reject });
    });
  }

  refused(id: number, reason: Refusal): boolean {
    if (!this.#wishes.has(id)) return false;
    this.#end(id, reason === "not leader" ? etcdErrors.notLeader() : etcdErrors.badLeaderTransferee());
    return true;
  }

  statusChanged({ leader }: Status): void {
    if (leader === 0n || leader === this.#self) return;
    for (const id of this.#wishes.keys()) this.#end(id, null);
  }

  stop(): void {
    for (const id of this.#wishes.keys()) this.#end(id, etcdErrors.serverStopped());
  }

  #end(id: number, error: QuorateError | null): void {
    const wish = this.#wishes.get(id);
    if (wish === undefined) return;
    this.#wishes.delete(id);
    wish.timer.cancel();
    if (error === null) wish.resolve();
    else wish.reject(error);
  }
}
