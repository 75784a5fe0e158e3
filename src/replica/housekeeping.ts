/**
 * What a leader does for the keyspace now and then: compacts history that is over its budget or its age, and takes the
 * NOSPACE alarm back when there is room again, so that nobody has to perform a ritual to get writes going.
 */
import { encodeCommand } from "../keyspace/command.ts";
import type { Keyspace } from "../keyspace/keyspace.ts";

/** What else than the budget makes old revisions go. */
export type AutoCompaction =
  | { readonly mode: "off" }
  /** Keep revisions of the last `retentionMs`. */
  | { readonly mode: "periodic"; readonly retentionMs: number }
  /** Keep the last `retention` revisions. */
  | { readonly mode: "revision"; readonly retention: number };

export interface HousekeepingOptions {
  /** Bytes of old versions to keep at most; 0: no budget. */
  readonly historyBudgetBytes: number;
  readonly autoCompaction: AutoCompaction;
  readonly quotaBytes: number;
}

export const NOSPACE_ALARM = 1;
/** The alarm goes when live data is below this part of the quota. */
const RELIEF = 0.95;
/** How many samples of (time, revision) a periodic retention is divided into. */
const SAMPLES = 10;
const REVISION_MODE_EVERY_MS = 300_000;
const EVERY_MS = 1_000;

export class Housekeeping {
  readonly #options: HousekeepingOptions;
  readonly #propose: (command: Uint8Array) => void;
  /** Oldest first. */
  #samples: { at: number; revision: number }[] = [];
  #revisionModeAt = Number.NEGATIVE_INFINITY;
  #asked = -1;
  #dueAt = 0;

  constructor(options: HousekeepingOptions, propose: (command: Uint8Array) => void) {
    this.#options = options;
    this.#propose = propose;
  }

  /** On the leader; it does something about once a second. */
  tick(now: number, keyspace: Keyspace): void {
    if (now < this.#dueAt) return;
    this.#dueAt = now + EVERY_MS;
    this.#compact(now, keyspace);
    if (this.#options.quotaBytes > 0 && keyspace.liveBytes < this.#options.quotaBytes * RELIEF) {
      for (const { memberId, alarm } of keyspace.alarms.list()) {
        if (alarm !== NOSPACE_ALARM) continue;
        this.#propose(encodeCommand({ type: "alarm", action: "deactivate", memberId, alarm }));
      }
    }
  }

  /** This member does not lead any more: what it sampled is not its to act on later. */
  demote(): void {
    this.#samples = [];
    this.#asked = -1;
  }

  #compact(now: number, keyspace: Keyspace): void {
    const budget = this.#options.historyBudgetBytes;
    const targets = [budget > 0 ? keyspace.compactionTarget(budget) : null, this.#byAge(now, keyspace.revision)];
    const target = Math.max(...targets.map((revision) => revision ?? -1));
    if (target <= keyspace.compactRevision || target <= this.#asked) return;
    this.#asked = target;
    this.#propose(encodeCommand({ type: "compact", revision: target }));
  }

  #byAge(now: number, revision: number): number | null {
    const policy = this.#options.autoCompaction;
    switch (policy.mode) {
      case "off":
        return null;
      case "revision":
        if (now - this.#revisionModeAt < REVISION_MODE_EVERY_MS) return null;
        this.#revisionModeAt = now;
        return revision - policy.retention;
      case "periodic": {
        const last = this.#samples.at(-1);
        if (last === undefined || now - last.at >= policy.retentionMs / SAMPLES)
          this.#samples.push({ at: now, revision });
        let due: number | null = null;
        while (this.#samples[0] !== undefined && now - this.#samples[0].at >= policy.retentionMs) {
          due = this.#samples.shift()?.revision ?? null;
        }
        return due;
      }
    }
  }
}
