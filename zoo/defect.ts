/** What a deliberate defect is: a wrong version of a few lines of the sources, as data. */

import type { HabitatName } from "./habitats.ts";

/** The room of `src/` whose promise is broken. */
export type Room =
  | "consensus"
  | "storage"
  | "transport"
  | "replica"
  | "keyspace"
  | "server"
  | "coordination"
  | "transactions";

/**
 * Where a defect is hunted. `engine`: bare engines, `src/consensus/testing`. `cluster`: whole members, `src/sim`.
 * `protocol`: bare commit protocols, `src/transactions/protocol/testing`, where the first seeds are exhaustive runs.
 */
export type Level = "engine" | "cluster" | "protocol";

/** One wrong piece of one file. */
export interface Patch {
  /** Relative to the project, with slashes: `src/consensus/raft/election.ts`. */
  readonly file: string;
  /** The right text, exactly as in the file, where it stands exactly once. */
  readonly text: string;
  readonly replacement: string;
}

export interface Defect {
  /** Unique, in kebab-case; for `--only` and the table. */
  readonly name: string;
  readonly room: Room;
  /** What the program does wrong, and whom that harms, in one sentence. */
  readonly what: string;
  /** Where the idea comes from: a paper, an issue, a report. */
  readonly source: string;
  /** Which protocol must run for it to show, by its name in `src/consensus/engines.ts`; "any": whichever does. */
  readonly engine: string;
  /** Kind of life in which the situation that it needs is common, for whole members; absent: any life. */
  readonly habitat?: HabitatName;
  readonly patches: readonly Patch[];
}

/** What lies in the consensus shows soonest, and for the least money, in the lives of bare engines. */
export function levelOf({ room }: Defect): Level {
  if (room === "transactions") return "protocol";
  return room === "consensus" ? "engine" : "cluster";
}
