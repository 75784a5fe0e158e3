/**
 * Coverage marks: which rare paths a run reached, and how often. Seen from outside (effects of engines, log lines,
 * faults), so that production code holds nothing for it.
 */
import type { Effects } from "../consensus/engine.ts";

/** What a log line or an effect must be for a mark. */
interface LogMark {
  readonly name: string;
  readonly pattern: RegExp;
}

/** Marks made by log lines and notices, by what these say. */
const logMarks: readonly LogMark[] = [
  { name: "election won", pattern: /won the election/ },
  { name: "leader deposed", pattern: /leader becomes a follower/ },
  { name: "leader that heard no quorum", pattern: /heard no quorum/ },
  { name: "leadership handed over", pattern: /asked by the leader/ },
  { name: "hand-over given up", pattern: /keeps leadership after all/ },
  { name: "uncommitted entries dropped", pattern: /drops \d+ uncommitted entries/ },
  { name: "joint membership", pattern: /joint|outgoing/ },
  { name: "peer that restarted", pattern: /restarted: asks anew/ },
  { name: "peer that lost data", pattern: /came back without entries it had acknowledged/ },
  { name: "peer that cannot prove its data", pattern: /cannot prove that it kept/ },
  { name: "trusted again", pattern: /has brought this member up to date/ },
  { name: "snapshot that did not arrive", pattern: /a snapshot did not reach/ },
  { name: "torn batch dropped at a start", pattern: /dropped a batch that was being written/ },
  { name: "damage found at a start", pattern: /is damaged|checksum/ },
  { name: "disk full", pattern: /is full/ },
  { name: "disk has room again", pattern: /has room again/ },
  { name: "disk stalled", pattern: /has not finished a write/ },
  { name: "waiting to join", pattern: /waiting for a member/ },
  { name: "removed from the cluster", pattern: /was removed from the cluster/ },
];

/** Marks made by effects. */
const effectMarks = ["snapshot sent", "snapshot installed", "log truncated", "untrusted start"] as const;

export class Marks {
  readonly #hits = new Map<string, number>();

  constructor() {
    for (const { name } of logMarks) this.#hits.set(name, 0);
    for (const name of effectMarks) this.#hits.set(name, 0);
  }

  hit(name: string): void {
    this.#hits.set(name, (this.#hits.get(name) ?? 0) + 1);
  }

  log(message: string): void {
    for (const { name, pattern } of logMarks) if (pattern.test(message)) this.hit(name);
  }

  effects(effects: Effects): void {
    if (effects.sendSnapshot.length > 0) this.hit("snapshot sent");
    if (effects.installSnapshot !== null) this.hit("snapshot installed");
    if (effects.write !== null && effects.write.truncateFrom !== null) this.hit("log truncated");
    for (const { reason } of effects.refused) this.hit(`refused: ${reason}`);
  }

  /** By name, with how often each was reached; 0: never. */
  get counts(): ReadonlyMap<string, number> {
    return this.#hits;
  }
}
