/**
 * A proposer's phase 1: who was asked, who refused, and what each acceptor reports. A reply in parts counts when all its
 * parts are there, in whatever order they came; parts of another reply of the same acceptor do not fit to them.
 */
import type { MemberId } from "../../environment.ts";
import type { PromiseMessage, ReportedSlot } from "./messages.ts";

/** A whole reply. */
export interface PromiseReport {
  readonly incarnation: number;
  /** All slots up to here are decided, as far as this acceptor knows. */
  readonly decided: number;
  /** Index of the first of `slots`: what was asked for. */
  readonly first: number;
  readonly slots: readonly ReportedSlot[];
}

class Reply {
  readonly incarnation: number;
  readonly number: number;
  readonly #parts: (PromiseMessage | undefined)[];
  #missing: number;

  constructor(incarnation: number, { reply, parts }: PromiseMessage) {
    this.incarnation = incarnation;
    this.number = reply;
    this.#parts = Array.from({ length: parts }, () => undefined);
    this.#missing = parts;
  }

  /** The report, once this part completes it. */
  add(part: PromiseMessage): PromiseReport | null {
    if (part.parts !== this.#parts.length || this.#parts[part.part] !== undefined) return null;
    this.#parts[part.part] = part;
    this.#missing--;
    if (this.#missing > 0) return null;
    const slots: ReportedSlot[] = [];
    for (const each of this.#parts) {
      if (each === undefined || each.from !== part.first + slots.length || each.decided !== part.decided) return null;
      slots.push(...each.slots);
    }
    // What it says is decided must be there.
    if (part.decided >= part.first + slots.length) return null;
    return { incarnation: this.incarnation, decided: part.decided, first: part.first, slots };
  }
}

export class Candidacy {
  /** The first slot asked for: all before it were decided here. */
  readonly first: number;
  readonly transfer: boolean;
  /** The write that holds this member's own promise: it counts from when that is durable. */
  readonly write: number;
  /** When prepares that were not answered are sent again. */
  resendAt: number;
  readonly asked: Set<MemberId> = new Set();
  readonly refused: Set<MemberId> = new Set();
  readonly reports: Map<MemberId, PromiseReport> = new Map();
  readonly #replies = new Map<MemberId, Reply>();

  constructor(setup: { first: number; transfer: boolean; write: number; resendAt: number }) {
    this.first = setup.first;
    this.transfer = setup.transfer;
    this.write = setup.write;
    this.resendAt = setup.resendAt;
  }

  /** A part of a promise. Returns the report if it is whole now. */
  add(from: MemberId, incarnation: number, part: PromiseMessage): PromiseReport | null {
    if (this.reports.has(from)) return null;
    let reply = this.#replies.get(from);
    // A reply is forgotten for a newer one only: an old part that comes late must not undo what has gathered.
    const newer = reply === undefined || reply.incarnation !== incarnation || part.reply > reply.number;
    if (reply === undefined || newer) {
      reply = new Reply(incarnation, part);
      this.#replies.set(from, reply);
    } else if (part.reply !== reply.number) {
      return null;
    }
    const report = reply.add(part);
    if (report === null) return null;
    this.#replies.delete(from);
    this.refused.delete(from);
    this.reports.set(from, report);
    return report;
  }
}
