/**
 * The links between the members of a bench: what is sent arrives at once, in the order of sending, unless a script cut
 * the link, loses that type of message, or holds it to decide later.
 */
import type { MemberId } from "../../../environment.ts";
import { ScriptError } from "./scenario-file.ts";

/** A message on its way. A snapshot being sent is one, too, of type `snapshot`. */
export interface Packet {
  readonly from: MemberId;
  readonly to: MemberId;
  /** As the protocol calls it. */
  readonly type: string;
  /** In words, for transcripts. */
  readonly words: string;
  readonly arrive: () => void;
  /** It will never arrive. */
  readonly lose: () => void;
}

/** Which packets are meant; null: any. */
export interface Filter {
  readonly type: string | null;
  readonly from: MemberId | null;
  readonly to: MemberId | null;
}

export type Fate = "sent" | "held" | "lost";

export class Network {
  /** What scripts hold back, oldest first. */
  readonly held: Packet[] = [];
  readonly #cut = new Set<string>();
  readonly #holding: Filter[] = [];
  readonly #losing: Filter[] = [];

  /** One way. */
  cut(from: MemberId, to: MemberId): void {
    this.#cut.add(`${from} ${to}`);
  }

  /** Mends one way, and nothing is lost on it any more. */
  mend(from: MemberId, to: MemberId): void {
    this.#cut.delete(`${from} ${to}`);
  }

  /** Mends all cuts and loses nothing any more; goes on holding what is held. */
  heal(): void {
    this.#cut.clear();
    this.#losing.length = 0;
  }

  hold(filter: Filter): void {
    this.#holding.push(filter);
  }

  lose(filter: Filter): void {
    this.#losing.push(filter);
  }

  /** Ends the holding that was begun with the same words. */
  stopHolding(filter: Filter): void {
    const at = this.#holding.findIndex((each) => sameFilter(each, filter));
    if (at < 0) throw new ScriptError(`nothing is held with these words: ${describeFilter(filter)}`);
    this.#holding.splice(at, 1);
  }

  stopHoldingAll(): void {
    this.#holding.length = 0;
  }

  isCut(from: MemberId, to: MemberId): boolean {
    return this.#cut.has(`${from} ${to}`);
  }

  /** What becomes of a packet that is being sent; keeps it if it is to be held. */
  offer(packet: Packet): Fate {
    if (this.isCut(packet.from, packet.to) || this.#losing.some((filter) => fits(filter, packet))) return "lost";
    if (!this.#holding.some((filter) => fits(filter, packet))) return "sent";
    this.held.push(packet);
    return "held";
  }

  /**
   * The held packets that fit, oldest first.
   * @throws ScriptError if there is none, listing what is held.
   */
  find(filter: Filter): Packet[] {
    const found = this.held.filter((packet) => fits(filter, packet));
    if (found.length > 0) return found;
    const list = this.held.map(({ from, to, words }) => `    ${from} -> ${to} ${words}`).join("\n");
    throw new ScriptError(
      `no ${describeFilter(filter)} is held${list === "" ? ": nothing is" : `. These are:\n${list}`}`,
    );
  }

  /** Takes a packet out of what is held. */
  take(packet: Packet): Packet {
    this.held.splice(this.held.indexOf(packet), 1);
    return packet;
  }
}

function fits(filter: Filter, packet: Packet): boolean {
  return (
    (filter.type === null || filter.type === packet.type) &&
    (filter.from === null || filter.from === packet.from) &&
    (filter.to === null || filter.to === packet.to)
  );
}

function sameFilter(a: Filter, b: Filter): boolean {
  return a.type === b.type && a.from === b.from && a.to === b.to;
}

function describeFilter({ type, from, to }: Filter): string {
  return `${type ?? "message"} ${from ?? "*"} -> ${to ?? "*"}`;
}
