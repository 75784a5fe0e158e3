import type { Clock, Random, Scheduled } from "../../environment.ts";
import type { Channel, Dialler } from "../channel.ts";
import { BackOff } from "./back-off.ts";
import type { RemoteLimits } from "./options.ts";

/** A member that can be talked to now. */
export interface Connected {
  readonly member: Member;
  readonly channel: Channel;
}

/**
 * How it is with the connection. `resting`: the last attempt failed, and the next one is not due yet.
 */
export type Standing =
  | { readonly is: "idle" }
  | { readonly is: "dialling"; readonly attempt: AbortController }
  | { readonly is: "up"; readonly connected: Connected }
  | { readonly is: "resting"; readonly timer: Scheduled }
  | { readonly is: "closed" };

/** What was wrong with an answer, or with its absence. */
export type Doubt = "leaderless" | "stopping" | "silent";

export interface MemberPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: RemoteLimits;
  /** Its standing, or what is thought of it, is another than before. */
  changed(): void;
}

/** One endpoint: its connection, and what calls have learned about it. */
export class Member {
  readonly dialler: Dialler;
  readonly #ports: MemberPorts;
  readonly #rests: BackOff;
  readonly #doubts: BackOff;
  #standing: Standing = { is: "idle" };
  #doubt: Doubt | null = null;
  #doubtedUntil = Number.NEGATIVE_INFINITY;
  /** Why it could not be used last. */
  error: Error | null = null;

  constructor(dialler: Dialler, ports: MemberPorts) {
    const { random, limits } = ports;
    this.dialler = dialler;
    this.#ports = ports;
    this.#rests = new BackOff(random, limits.firstBackOffMs, limits.longestBackOffMs);
    // Longer: a member is left alone for a while, not only for a pause, if there is another.
    this.#doubts = new BackOff(random, 10 * limits.firstBackOffMs, 5 * limits.longestBackOffMs);
  }

  get endpoint(): string {
    return this.dialler.endpoint;
  }

  get standing(): Standing {
    return this.#standing;
  }

  get connected(): Connected | null {
    return this.#standing.is === "up" ? this.#standing.connected : null;
  }

  /** Calls should rather go elsewhere for now. */
  get isDoubted(): boolean {
    return this.#doubtedUntil > this.#ports.clock.now();
  }

  /** It said so, and nothing has shown the contrary since. */
  get isLeaderless(): boolean {
    return this.#doubt === "leaderless";
  }

  get doubtedUntil(): number {
    return this.#doubtedUntil;
  }

  /** Begins to connect, if it may. */
  dial(): void {
    if (this.#standing.is !== "idle") return;
    const attempt = new AbortController();
    this.#standing = { is: "dialling", attempt };
    this.dialler.dial(this.#ports.limits.dialTimeoutMs, attempt.signal).then(
      (channel) => this.#reached(attempt, channel),
      (error: unknown) => this.#missed(attempt, error),
    );
    this.#ports.changed();
  }

  doubt(connected: Connected, doubt: Doubt, error: Error): void {
    if (this.connected !== connected) return;
    this.error = error;
    this.#doubt = doubt;
    // Calls that fail together are one reason to doubt, not many.
    if (!this.isDoubted) this.#doubtedUntil = this.#ports.clock.now() + this.#doubts.next();
    this.#ports.changed();
  }

  /** It did what only a member with a leader can. */
  trust(connected: Connected): void {
    if (this.connected !== connected) return;
    this.#doubts.reset();
    if (this.#doubt === null) return;
    this.#doubt = null;
    this.#doubtedUntil = Number.NEGATIVE_INFINITY;
    this.#ports.changed();
  }

  close(): void {
    const standing = this.#standing;
    this.#standing = { is: "closed" };
    switch (standing.is) {
      case "dialling":
        standing.attempt.abort();
        break;
      case "up":
        standing.connected.channel.close();
        break;
      case "resting":
        standing.timer.cancel();
        break;
      default:
        break;
    }
  }

  #reached(attempt: AbortController, channel: Channel): void {
    const standing = this.#standing;
    if (standing.is !== "dialling" || standing.attempt !== attempt) return channel.close();
    const connected: Connected = { member: this, channel };
    this.#standing = { is: "up", connected };
    this.#doubt = null;
    this.#doubtedUntil = Number.NEGATIVE_INFINITY;
    channel.onLost((reason) => {
      if (this.connected !== connected) return;
      channel.close();
      this.error = reason;
      // One that loses each connection at once is no better than one that refuses them.
      this.#rest();
    });
    this.#ports.changed();
  }

  #missed(attempt: AbortController, error: unknown): void {
    const standing = this.#standing;
    if (standing.is !== "dialling" || standing.attempt !== attempt) return;
    this.error = error instanceof Error ? error : new Error(String(error));
    this.#rest();
  }

  #rest(): void {
    const timer = this.#ports.clock.after(this.#rests.next(), () => {
      this.#standing = { is: "idle" };
      this.#ports.changed();
    });
    this.#standing = { is: "resting", timer };
    this.#ports.changed();
  }

  /** A call was answered over its connection: the next one that is lost is the first again. */
  proved(connected: Connected): void {
    if (this.connected === connected) this.#rests.reset();
  }
}
