/**
 * Which member is used: one at a time, for as long as it serves, so that calls of one program see one member's view.
 *
 * The first is drawn by chance, so that many programs spread. When it is lost, or says that it has no leader, is
 * stopping or does not answer in time, the next one takes its place at once, and it is left alone for a while. If none
 * is left, endpoints are tried again with growing pauses, for as long as the store is open.
 */
import type { Clock, Random, Scheduled } from "../../environment.ts";
import type { Dialler } from "../channel.ts";
import { type EndpointReport, storeErrors } from "../errors.ts";
import type { StoreState } from "../store.ts";
import type { Limit } from "./limit.ts";
import { type Connected, type Doubt, Member } from "./member.ts";
import type { RemoteLimits } from "./options.ts";

export interface MembersOptions {
  readonly diallers: readonly Dialler[];
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: RemoteLimits;
  readonly stateChanged: (state: StoreState) => void;
}

export class Members {
  readonly #options: MembersOptions;
  /** The one in use, or to be tried, is the first. */
  #order: readonly Member[];
  readonly #waiting = new Set<() => void>();
  #stagger: Scheduled | null = null;
  #closed = false;
  #state: StoreState = { is: "connecting", error: null };

  constructor(options: MembersOptions) {
    const { diallers, clock, random, limits } = options;
    this.#options = options;
    const ports = { clock, random, limits, changed: () => this.#changed() };
    const members = diallers.map((dialler) => new Member(dialler, ports));
    const first = random.uint32() % members.length;
    this.#order = [...members.slice(first), ...members.slice(0, first)];
  }

  get state(): StoreState {
    return this.#state;
  }

  get size(): number {
    return this.#order.length;
  }

  /** Begins to connect. */
  start(): void {
    this.#changed();
  }

  /**
   * A member to talk to: the one in use, unless it is among `without`. If nothing better can be had, one that is.
   * @throws QuorateError UNAVAILABLE instead of TIMEOUT if none was reached, else why `limit` is over
   */
  async reach(limit: Limit, without: ReadonlySet<Member> = NONE): Promise<Connected> {
    for (;;) {
      const found = this.#find(without);
      if (found !== null) return found;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.add(resolve);
      try {
        await limit.race(promise);
      } catch (error) {
        if (limit.over?.code === "TIMEOUT" && limit.lastFailure === null) {
          throw storeErrors.unavailable(limit.what, this.reports());
        }
        throw error;
      } finally {
        this.#waiting.delete(resolve);
      }
    }
  }

  /** What there is to say of each endpoint, in the order of their use. */
  reports(): EndpointReport[] {
    return this.#order.map(({ endpoint, error }) => ({ endpoint, error }));
  }

  /** It failed a call or a stream in a way that others may not. */
  doubt(connected: Connected, doubt: Doubt, error: Error): void {
    connected.member.doubt(connected, doubt, error);
  }

  /** It answered; `withLeader`: what only a member with a leader can. */
  answered(connected: Connected, withLeader: boolean): void {
    connected.member.proved(connected);
    if (withLeader) connected.member.trust(connected);
  }

  close(reason: Error | null): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#stagger?.cancel();
    for (const member of this.#order) member.close();
    this.#tell({ is: "closed", error: reason });
  }

  #find(without: ReadonlySet<Member>): Connected | null {
    for (const member of this.#order) {
      if (!without.has(member) && !member.isDoubted && member.connected !== null) return member.connected;
    }
    // Better to wait for a connection than to ask again who has failed, but not for one that nobody is making.
    if (this.#dialNext(without)) return null;
    const up = this.#order.filter(({ connected }) => connected !== null);
    const fresh = up.filter((member) => !without.has(member));
    const [best] = (fresh.length > 0 ? fresh : up).sort((a, b) => a.doubtedUntil - b.doubtedUntil);
    return best?.connected ?? null;
  }

  /** Sees to it that a connection is being made to a member that may be of use. False: there is none to make. */
  #dialNext(without: ReadonlySet<Member>): boolean {
    const useful = this.#order.filter((member) => !without.has(member));
    if (useful.some(({ standing }) => standing.is === "dialling")) return true;
    const next = useful.find(({ standing }) => standing.is === "idle");
    if (next === undefined) return false;
    this.#dial(next);
    return true;
  }

  #dial(member: Member): void {
    this.#stagger?.cancel();
    this.#stagger = this.#options.clock.after(this.#options.limits.dialStaggerMs, () => {
      this.#stagger = null;
      if (this.#hasGood()) return;
      const idle = this.#order.find(({ standing }) => standing.is === "idle");
      if (idle !== undefined) this.#dial(idle);
    });
    member.dial();
  }

  #hasGood(): boolean {
    return this.#order.some((member) => member.connected !== null && !member.isDoubted);
  }

  /** A member came, went, or is thought of otherwise. */
  #changed(): void {
    if (this.#closed) return;
    const good = this.#order.findIndex((member) => member.connected !== null && !member.isDoubted);
    if (good > 0) this.#order = [...this.#order.slice(good), ...this.#order.slice(0, good)];
    if (good === -1) this.#dialNext(NONE);
    this.#tell(this.#stateNow());
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }

  #stateNow(): StoreState {
    const up = this.#order.filter(({ connected }) => connected !== null);
    const [inUse] = up;
    if (inUse === undefined) {
      return { is: "connecting", error: this.#order.find(({ error }) => error !== null)?.error ?? null };
    }
    const leading = up.find(({ isLeaderless }) => !isLeaderless);
    return leading === undefined
      ? { is: "leaderless", endpoint: inUse.endpoint }
      : { is: "connected", endpoint: leading.endpoint };
  }

  #tell(state: StoreState): void {
    const before = this.#state;
    this.#state = state;
    if (!isSame(before, state)) this.#options.stateChanged(state);
  }
}

const NONE: ReadonlySet<Member> = new Set();

function isSame(a: StoreState, b: StoreState): boolean {
  if (a.is === "connecting") return b.is === "connecting" && a.error?.message === b.error?.message;
  if (a.is === "closed" || b.is === "closed" || b.is === "connecting") return a.is === b.is;
  return a.is === b.is && a.endpoint === b.endpoint;
}
