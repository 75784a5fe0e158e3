/** A watch that tells what it should, in messages cut by chance. */
import type { SeededRandom } from "../../../consensus/random.ts";
import type { WatchEvent } from "../../../wire/kv.ts";
import type { Moment, TrueChange, WatchRecord } from "../../history.ts";
import { isInRange } from "../key-range.ts";

export class SimpleWatch {
  readonly record: WatchRecord;
  /** Everything before this revision was told. */
  next: number;
  #isOver = false;

  constructor(record: Omit<WatchRecord, "messages" | "ended">, moment: Moment, revision: number) {
    this.record = { ...record, messages: [{ type: "created", moment, revision }], ended: null };
    this.next = record.startRevision > 0 ? record.startRevision : revision + 1;
  }

  /** Tells all up to a revision, in one message or in fragments, or only that there is nothing. */
  deliver(
    changes: readonly TrueChange[],
    upTo: number,
    compacted: number,
    random: SeededRandom,
    moment: () => Moment,
  ): void {
    if (this.#isOver) return;
    const { messages, prevKv } = this.record;
    if (this.next < compacted) {
      this.#isOver = true;
      messages.push({ type: "canceled", moment: moment(), revision: 0, compactRevision: compacted, reason: "" });
      return;
    }
    if (upTo < this.next) return;
    const events = changes
      .slice(Math.max(0, this.next - 2), upTo - 1)
      .flatMap((change) => change.events.filter((event) => this.#wants(event)));
    this.next = upTo + 1;
    if (events.length === 0) {
      if (random.chance(0.3)) messages.push({ type: "progress", moment: moment(), revision: upTo });
      return;
    }
    const told = events.map((event): WatchEvent => {
      const isHidden = !prevKv || event.kv.modRevision <= compacted;
      return { ...event, prevKv: isHidden ? null : event.prevKv };
    });
    const cut = random.chance(0.3) ? random.below(told.length) : 0;
    const first = told.slice(0, cut);
    const last = first.at(-1)?.kv.modRevision;
    const rest = told.slice(cut);
    if (last !== undefined) {
      const fragment = rest[0]?.kv.modRevision === last;
      messages.push({ type: "events", moment: moment(), revision: last, fragment, events: first });
    }
    messages.push({ type: "events", moment: moment(), revision: upTo, fragment: false, events: rest });
  }

  #wants(event: WatchEvent): boolean {
    const { noPut, noDelete } = this.record;
    return isInRange(event.kv.key, this.record) && !(event.type === "put" ? noPut : noDelete);
  }
}
