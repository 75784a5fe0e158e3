import type { Status } from "../consensus/engine.ts";
import type { Clock, MemberId } from "../environment.ts";

/** What a replica remembers of its engine's status from one change to the next, and who wants to hear of changes. */
export class Standing {
  readonly #clock: Clock;
  readonly #handlers = new Set<() => void>();
  #leader: MemberId = 0n;
  #leaderlessSince: number;
  #isUntrusted: boolean;

  constructor(clock: Clock, { untrusted }: Status) {
    this.#clock = clock;
    this.#leaderlessSince = clock.now();
    this.#isUntrusted = untrusted;
  }

  get hasLeader(): boolean {
    return this.#leader !== 0n;
  }

  /** For how long no leader is known, ms. */
  get leaderlessMs(): number {
    return this.hasLeader ? 0 : this.#clock.now() - this.#leaderlessSince;
  }

  /** Whether somebody else leads now, or nobody does. */
  leaderChanged({ leader }: Status): boolean {
    if (leader === this.#leader) return false;
    if (leader === 0n) this.#leaderlessSince = this.#clock.now();
    this.#leader = leader;
    return true;
  }

  /** Whether the engine trusts since now what this member has on disk. */
  becameTrusted({ untrusted }: Status): boolean {
    if (!this.#isUntrusted || untrusted) return false;
    this.#isUntrusted = false;
    return true;
  }

  /** @returns what ends it */
  onChange(handle: () => void): () => void {
    this.#handlers.add(handle);
    return () => this.#handlers.delete(handle);
  }

  tell(): void {
    for (const handle of this.#handlers) handle();
  }
}
