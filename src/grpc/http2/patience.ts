/** What one client has left of what it may do for nothing. Who has used it up loses the connection. */
import type { Clock } from "../../environment.ts";
import { Budget } from "./budget.ts";
import { tooMuch } from "./faults.ts";
import type { Limits } from "./limits.ts";
import { PingGuard } from "./ping-guard.ts";

export class Patience {
  readonly #clock: Clock;
  readonly #resets: Budget;
  readonly #idleFrames: Budget;
  readonly #settings: Budget;
  readonly #pings: PingGuard;

  constructor(clock: Clock, limits: Limits) {
    const now = clock.now();
    this.#clock = clock;
    this.#resets = new Budget(limits.resets, now);
    this.#idleFrames = new Budget(limits.idleFrames, now);
    this.#settings = new Budget(limits.settings, now);
    this.#pings = new PingGuard(limits);
  }

  /** A stream ended by a reset. @throws ConnectionError if there were too many */
  reset(): void {
    if (!this.#resets.spend(this.#clock.now())) throw tooMuch("too many streams were reset");
  }

  /** A frame came that brings nothing on. @throws ConnectionError if there were too many */
  idleFrame(): void {
    if (!this.#idleFrames.spend(this.#clock.now())) throw tooMuch("too many frames that bring nothing on");
  }

  /** SETTINGS came. @throws ConnectionError if there were too many */
  settings(): void {
    if (!this.#settings.spend(this.#clock.now())) throw tooMuch("too many SETTINGS");
  }

  /**
   * A ping came, which is an idle frame, too.
   * @param hasAnswered whether something was sent since the one before
   * @throws ConnectionError if there were too many
   */
  ping(hasAnswered: boolean): void {
    this.idleFrame();
    // The text is known to clients: it makes them ping less often (gRPC's "client-side keepalive").
    if (!this.#pings.allows(this.#clock.now(), hasAnswered)) throw tooMuch("too_many_pings");
  }
}
