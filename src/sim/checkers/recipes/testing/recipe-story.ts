/** Stories of programs by hand: what they held and saw, beside a log in which keys come and go when the test says so. */
import type { KeyValue } from "../../../../wire/kv.ts";
import type { Moment, TrueChange, Truth } from "../../../history.ts";
import type { Change, Holding, RecipeHistory } from "../../../recipes/history.ts";

export class RecipeStory {
  readonly changes: TrueChange[] = [];
  readonly history: { -readonly [K in keyof RecipeHistory]: RecipeHistory[K][number][] } = {
    holdings: [],
    writes: [],
    changes: [],
    ids: [],
    waits: [],
    leaders: [],
  };
  #now = 0;

  get truth(): Truth {
    return { changes: this.changes, leases: [], compactions: [] };
  }

  /** Each moment is a millisecond later than the one before. */
  moment(): Moment {
    this.#now += 1;
    return { at: this.#now, order: this.#now };
  }

  /** Something is committed. Returns its revision. */
  put(key: string, value = ""): number {
    return this.#commit("put", key, value);
  }

  delete(key: string): number {
    return this.#commit("delete", key, "");
  }

  /** A program was let in, and holds. */
  granted(program: string, key: string, fence: number, given: Partial<Holding> = {}): Holding {
    const holding: Holding = {
      resource: "mutex m0",
      program,
      key,
      fence,
      line: { blocking: "lock/m0//", permits: null },
      weight: 1,
      limit: 1,
      shares: false,
      ordered: true,
      granted: this.moment(),
      heldWhenGranted: true,
      ended: null,
      clockStopped: false,
      ...given,
    };
    this.history.holdings.push(holding);
    return holding;
  }

  ended(holding: Holding): void {
    holding.ended = this.moment();
  }

  changed(token: number, fate: Change["fate"], told: string | null = null, key = "counter/c//value"): void {
    const [invoked, returned] = [this.moment(), this.moment()];
    this.history.changes.push({ program: "p0.1", key, token, invoked, returned, fate, told });
  }

  #commit(type: "put" | "delete", key: string, value: string): number {
    const revision = this.changes.length + 2;
    const kv: KeyValue = { key, value, createRevision: revision, modRevision: revision, version: 1, lease: 0n };
    const committed = this.moment();
    const events = [{ type, kv, prevKv: null }];
    this.changes.push({ revision, events, index: revision, committed, revokedLease: null });
    return revision;
  }
}
