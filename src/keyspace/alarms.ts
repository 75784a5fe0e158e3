/** Alarms that members have raised: while one is active the keyspace refuses some or all commands. */

/** etcd's AlarmType. */
export const AlarmType = { none: 0, noSpace: 1, corrupt: 2 } as const;

export interface ActiveAlarm {
  /** Who raised it. */
  readonly memberId: bigint;
  /** An `AlarmType`. */
  readonly alarm: number;
}

/** What everybody may ask. */
export interface AlarmRegistry {
  /** Sorted by kind, then by member. */
  list(): ActiveAlarm[];
  /** Whether any member has raised an alarm of this kind. */
  has(alarm: number): boolean;
}

export class Alarms implements AlarmRegistry {
  #active: readonly ActiveAlarm[] = [];

  list(): ActiveAlarm[] {
    return [...this.#active];
  }

  has(alarm: number): boolean {
    return this.#active.some((active) => active.alarm === alarm);
  }

  /** One that is active stays so. `none` is no alarm. */
  activate(memberId: bigint, alarm: number): void {
    if (alarm === AlarmType.none || this.#active.some((one) => one.alarm === alarm && one.memberId === memberId))
      return;
    this.#active = [...this.#active, { memberId, alarm }].sort(
      (a, b) => a.alarm - b.alarm || (a.memberId < b.memberId ? -1 : 1),
    );
  }

  /** One that is not active is no error. */
  deactivate(memberId: bigint, alarm: number): void {
    this.#active = this.#active.filter((one) => one.alarm !== alarm || one.memberId !== memberId);
  }
}
