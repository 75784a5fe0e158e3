/**
 * The links of a simulated cluster: messages are lost, doubled, delayed and so reordered as the faults say; links are
 * cut one way or both.
 */
import type { MemberId } from "../../environment.ts";
import type { PeekedMessage } from "../peek.ts";
import type { SeededRandom } from "../random.ts";

export interface NetworkFaults {
  lossRate: number;
  duplicateRate: number;
  /** Delay of a message, drawn evenly between these; overlapping draws reorder. */
  minDelayMs: number;
  maxDelayMs: number;
}

export class SimNetwork implements NetworkFaults {
  lossRate = 0;
  duplicateRate = 0;
  minDelayMs = 1;
  maxDelayMs = 1;
  /** Links cut, one way: `from>to`. */
  readonly cut: Set<string> = new Set();
  /** Sees each message before it is sent; false drops it. */
  filter: (from: MemberId, to: MemberId, message: PeekedMessage, bytes: Uint8Array) => boolean = () => true;
  /** Holds single messages up, by sender, receiver and kind; ms on top of the drawn delay. */
  holdUp: (from: MemberId, to: MemberId, message: PeekedMessage) => number = () => 0;
  readonly #random: SeededRandom;
  readonly #after: (ms: number, run: () => void) => void;

  constructor(random: SeededRandom, after: (ms: number, run: () => void) => void) {
    this.#random = random;
    this.#after = after;
  }

  isCut(from: MemberId, to: MemberId): boolean {
    return this.cut.has(`${from}>${to}`);
  }

  cutOneWay(from: MemberId, to: MemberId): void {
    this.cut.add(`${from}>${to}`);
  }

  cutBetween(a: MemberId, b: MemberId): void {
    this.cutOneWay(a, b);
    this.cutOneWay(b, a);
  }

  /** Sends a message; what is on its way when a link is cut is lost with it. */
  send(from: MemberId, to: MemberId, message: PeekedMessage | null, bytes: Uint8Array, arrive: () => void): void {
    if (message !== null && !this.filter(from, to, message, bytes)) return;
    const held = message === null ? 0 : this.holdUp(from, to, message);
    const random = this.#random;
    const copies = random.chance(this.duplicateRate) ? 2 : 1;
    for (let i = 0; i < copies; i++) {
      if (random.chance(this.lossRate)) continue;
      this.#after(random.between(this.minDelayMs, this.maxDelayMs) + held, () => {
        if (!this.isCut(from, to)) arrive();
      });
    }
  }
}
