import type { WorldMember } from "../sim/world/member.ts";

/** What a member needs of its cluster. */
export interface MemberHome {
  /** Lets time pass until something holds. @throws Error naming what did not come */
  until(what: string, holds: () => boolean): Promise<void>;
}

/**
 * One member of a test cluster.
 *
 * @example
 * ```ts
 * const leader = cluster.leader;
 * leader?.crash();
 * await q.kv.put("a", "1"); // the others elect a leader meanwhile
 * await leader?.restart();
 * ```
 */
export class TestMember {
  readonly #member: WorldMember;
  readonly #home: MemberHome;

  /** @internal Clusters make their members. */
  constructor(member: WorldMember, home: MemberHome) {
    this.#member = member;
    this.#home = home;
  }

  /** `m0`, `m1`, … */
  get name(): string {
    return this.#member.name;
  }

  /** Whether it runs and takes calls. */
  get up(): boolean {
    return this.#member.serving;
  }

  get paused(): boolean {
    return this.#member.paused;
  }

  /** Whether it believes that it leads; one that is cut off may believe that for a while beside the true leader. */
  get leads(): boolean {
    return this.up && this.#member.replica?.status().engine.role === "leader";
  }

  /** Its process dies (kill -9): its connections break, its disk stays. It stays down until `restart`. */
  crash(): void {
    this.#member.supervised = false;
    this.#member.die(false);
  }

  /** Its machine loses power: what was not synced is lost, and who was connected hears nothing. Down until `restart`. */
  powerOff(): void {
    this.#member.supervised = false;
    this.#member.die(true);
  }

  /** Starts it again on what its disk has. Resolves when it takes calls. One that runs is ended before. */
  async restart(): Promise<void> {
    if (this.#member.up) this.crash();
    this.#member.supervised = true;
    this.#member.start();
    await this.#home.until(`${this.name} takes calls`, () => this.#member.serving);
  }

  /** Its process stands still (SIGSTOP): it hears all that comes later, when it goes on. */
  pause(): void {
    this.#member.pause();
  }

  resume(): void {
    this.#member.resume();
  }
}
