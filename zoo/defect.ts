/** What a deliberate defect is: a wrong version of a few lines of the sources, as data. */

/** The room of `src/` whose promise is broken. */
export type Room = "consensus" | "storage" | "transport" | "replica" | "keyspace" | "server";

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
  /** Which engine must run for it to show. */
  readonly engine: "raft" | "any";
  /** No request of a client leads there: only the random lives of bare engines (`src/consensus/testing`) can. */
  readonly engineOnly?: true;
  readonly patches: readonly Patch[];
}
