import { refuse } from "../placement.ts";

/** When an instance that fails is given no calls for a while. */
export interface OutlierOptions {
  /** So many failures in a row bar an instance. Default 5. */
  readonly failures?: number;
  /** The first time for so long, the second time twice as long, and so on. Default 10,000 ms. */
  readonly baseMs?: number;
  /** At most for so long. Default 300,000 ms. */
  readonly mostMs?: number;
  /** At most this part of all instances is barred at the same time, rounded down. Default 0.5. */
  readonly mostPart?: number;
}

interface Record {
  failures: number;
  /** Times it was barred and has not made good for since. */
  times: number;
  barredUntil: number;
}

/** Instances that fail where others do not: they get no calls for a while. */
export class Outliers<Slot> {
  readonly #options: Required<OutlierOptions>;
  readonly #records = new Map<Slot, Record>();

  constructor({ failures = 5, baseMs = 10_000, mostMs = 300_000, mostPart = 0.5 }: OutlierOptions) {
    if (!Number.isInteger(failures) || failures < 1)
      refuse(`outliers.failures is ${failures}: give a whole number above 0`);
    if (!(baseMs > 0)) refuse(`outliers.baseMs is ${baseMs}: give milliseconds above 0`);
    if (!(mostMs >= baseMs)) refuse(`outliers.mostMs is ${mostMs}: give at least baseMs, which is ${baseMs}`);
    if (!(mostPart >= 0 && mostPart <= 1)) refuse(`outliers.mostPart is ${mostPart}: give a number from 0 to 1`);
    this.#options = { failures, baseMs, mostMs, mostPart };
  }

  isBarred(slot: Slot, now: number): boolean {
    return (this.#records.get(slot)?.barredUntil ?? Number.NEGATIVE_INFINITY) > now;
  }

  /** @param total instances there are */
  ended(slot: Slot, ok: boolean, now: number, total: number): void {
    const record = this.#records.get(slot) ?? { failures: 0, times: 0, barredUntil: Number.NEGATIVE_INFINITY };
    this.#records.set(slot, record);
    // Calls that were under way when it was barred say nothing new.
    if (record.barredUntil > now) return;
    if (ok) {
      record.failures = 0;
      record.times = Math.max(0, record.times - 1);
      return;
    }
    record.failures++;
    const { failures, baseMs, mostMs, mostPart } = this.#options;
    if (record.failures < failures || this.#barred(now) + 1 > Math.floor(mostPart * total)) return;
    record.failures = 0;
    record.times++;
    record.barredUntil = now + Math.min(mostMs, baseMs * record.times);
  }

  gone(slot: Slot): void {
    this.#records.delete(slot);
  }

  #barred(now: number): number {
    let count = 0;
    for (const { barredUntil } of this.#records.values()) if (barredUntil > now) count++;
    return count;
  }
}
