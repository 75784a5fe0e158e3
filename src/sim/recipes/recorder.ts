/** Writes down what programs see, in the sequence of all that happens. */
import type { Hold } from "../../coordination/hold.ts";
import type { ByteString } from "../../wire/kv.ts";
import type { Moment } from "../history.ts";
import type { ProgramLife } from "../programs/program.ts";
import type { Change, DrawnId, Fate, FencedWrite, Holding, PassedWait, RecipeHistory, SeenLeader } from "./history.ts";

/** How something is held, beside what the hold itself says. */
export type Manner = Pick<Holding, "resource" | "line" | "weight" | "limit" | "shares" | "ordered">;

/** Of something that one at a time holds. */
export const EXCLUSIVE = { weight: 1, limit: 1, shares: false, ordered: true } as const;

/** Longer than a message takes on its way, ms. */
const OLD_NEWS_MS = 3_000;

interface Open {
  readonly holding: Holding;
  readonly hold: Hold;
  /** True time at which a process that sleeps would learn of the end, were it asked; null: it does not sleep. */
  believesUntil: number | null;
}

export class RecipeRecorder implements RecipeHistory {
  readonly holdings: Holding[] = [];
  readonly writes: FencedWrite[] = [];
  readonly changes: Change[] = [];
  readonly ids: DrawnId[] = [];
  readonly waits: PassedWait[] = [];
  readonly leaders: SeenLeader[] = [];
  readonly #moment: () => Moment;
  readonly #open = new Map<ProgramLife, Set<Open>>();
  readonly #highestFences = new Map<string, number>();
  /** When the clock of a life went on that had stood still. */
  readonly #thawed = new Map<ProgramLife, number>();
  readonly #tokens = new Map<ByteString, number>();

  constructor(moment: () => Moment) {
    this.#moment = moment;
  }

  moment(): Moment {
    return this.#moment();
  }

  /** A program was let in just now. */
  granted(life: ProgramLife, hold: Hold, manner: Manner): Holding {
    const moment = this.#moment();
    const thawed = this.#thawed.get(life) ?? Number.NEGATIVE_INFINITY;
    const holding: Holding = {
      ...manner,
      program: life.name,
      key: hold.key,
      fence: Number(hold.fence),
      granted: moment,
      heldWhenGranted: hold.held,
      ended: hold.held ? null : moment,
      // What it learned then may have been on its way while its clock stood still.
      clockStopped: moment.at - thawed < OLD_NEWS_MS,
    };
    this.holdings.push(holding);
    if (!hold.held) return holding;
    const open: Open = { holding, hold, believesUntil: null };
    const ofLife = this.#open.get(life) ?? new Set();
    this.#open.set(life, ofLife);
    ofLife.add(open);
    hold.signal.addEventListener("abort", () => this.#ended(life, open), { once: true });
    return holding;
  }

  /** A process falls asleep: it does nothing more, and will compare its clock before it does anything again. */
  asleep(life: ProgramLife, now: number, clockStops: boolean): void {
    for (const open of this.#open.get(life) ?? []) {
      const { session } = open.hold;
      if (clockStops) open.holding.clockStopped = true;
      else open.believesUntil = now + (session.heldUntil - session.store.clock.now()) / life.machine.rate;
    }
  }

  awake(life: ProgramLife, now: number, clockStopped: boolean): void {
    if (clockStopped) this.#thawed.set(life, now);
    for (const open of this.#open.get(life) ?? []) {
      if (open.believesUntil !== null && now < open.believesUntil) open.believesUntil = null;
    }
  }

  /** A process died: it does nothing more. */
  died(life: ProgramLife): void {
    for (const open of this.#open.get(life) ?? []) this.#ended(life, open);
  }

  /** A write reaches a resource that compares fences. */
  wrote(holding: Holding, prompt: boolean): void {
    const { resource, fence } = holding;
    const highest = this.#highestFences.get(resource) ?? 0;
    const accepted = fence >= highest;
    if (accepted) this.#highestFences.set(resource, fence);
    this.writes.push({ holding, moment: this.#moment(), accepted, prompt });
  }

  /** A change of a key begins. */
  change(life: ProgramLife, key: ByteString): Change {
    const token = this.#tokens.get(key) ?? 0;
    this.#tokens.set(key, token + 1);
    const begun: Change = {
      program: life.name,
      key,
      token,
      invoked: this.#moment(),
      returned: null,
      fate: "under way",
      told: null,
    };
    this.changes.push(begun);
    return begun;
  }

  changed(change: Change, fate: Fate, told: string | null = null): void {
    change.returned = this.#moment();
    change.fate = fate;
    change.told = told;
  }

  #ended(life: ProgramLife, open: Open): void {
    this.#open.get(life)?.delete(open);
    const now = this.#moment();
    const { believesUntil, holding } = open;
    holding.ended ??= believesUntil === null || believesUntil > now.at ? now : { ...now, at: believesUntil };
  }
}
