/**
 * What programs saw that use recipes: what they held and when they knew that it was over, what they added, drew and waited
 * for. Checkers hold it against the cluster's one history.
 */
import type { ByteString } from "../../wire/kv.ts";
import type { Moment, Truth, Violation } from "../history.ts";

/** Who must be gone before somebody may be let in: keys that were created before its own. */
export interface Line {
  /** Keys of those who stand in its way begin with this. */
  readonly blocking: ByteString;
  /** So many permits there are, and each key's value says how many it wants; null: whoever is before excludes. */
  readonly permits: number | null;
}

/** Something that a program held, from when it was let in until it knew that it was over. */
export interface Holding {
  /** As `mutex a`: what excludes each other. */
  readonly resource: string;
  readonly program: string;
  readonly key: ByteString;
  /** The revision at which its key was created. */
  readonly fence: number;
  /** Null: it stands in no line. */
  readonly line: Line | null;
  /** How much it takes of `limit`. */
  readonly weight: number;
  /** The most that may be held at once; infinite: nothing is excluded. */
  readonly limit: number;
  /** Others that share may hold it beside. */
  readonly shares: boolean;
  /** Fences are in the order of grants. */
  readonly ordered: boolean;
  readonly granted: Moment;
  /** It said so itself when it was given out. */
  readonly heldWhenGranted: boolean;
  /** When it was over by the program's own knowledge; null: it holds still. A process that sleeps knows what its clock knows. */
  ended: Moment | null;
  /** Its clock stood still meanwhile: it may believe that it holds what it has lost long since. Its fence tells. */
  clockStopped: boolean;
}

/** A write to a resource outside of the cluster that refuses a fence smaller than one it has seen. */
export interface FencedWrite {
  readonly holding: Holding;
  readonly moment: Moment;
  readonly accepted: boolean;
  /** It took no time, and its writer had just looked whether it holds the lock. */
  readonly prompt: boolean;
}

/** What one change became, as far as its program knows. `refused`: it was told that nothing was changed. */
export type Fate = "under way" | "acknowledged" | "unknown" | "refused";

/** A change that must count once. */
export interface Change {
  readonly program: string;
  /** The key that it changes. */
  readonly key: ByteString;
  /** Its number among the changes of this key, from 0: how it is found in the value. */
  readonly token: number;
  readonly invoked: Moment;
  returned: Moment | null;
  fate: Fate;
  /** The value that it made, as it was told; null: it was told none. */
  told: string | null;
}

/** An id that was given to a program. */
export interface DrawnId {
  readonly source: string;
  readonly program: string;
  readonly id: bigint;
}

/** Somebody waited, and was let go on. */
export interface PassedWait {
  readonly program: string;
  readonly key: ByteString;
  /** It is open while the key does not exist, or has this value. */
  readonly openWith: ByteString | null;
  readonly began: Moment;
  readonly passed: Moment;
}

/** A leader as an observer was told. */
export interface SeenLeader {
  readonly election: string;
  readonly observer: string;
  /** 0: nobody leads. */
  readonly fence: number;
}

export interface RecipeHistory {
  readonly holdings: readonly Holding[];
  readonly writes: readonly FencedWrite[];
  readonly changes: readonly Change[];
  readonly ids: readonly DrawnId[];
  readonly waits: readonly PassedWait[];
  readonly leaders: readonly SeenLeader[];
}

export interface RecipeChecker {
  readonly name: string;
  /** Where the property is defined. */
  readonly source: string;
  check(history: RecipeHistory, truth: Truth): Violation | null;
}
