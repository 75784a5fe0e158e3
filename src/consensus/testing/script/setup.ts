/** The first step of a scenario: who takes part, and with which options. */
import type { MemberId } from "../../../environment.ts";
import type { EngineOptions } from "../../engine.ts";
import type { BenchSetup } from "./bench.ts";
import { type Command, Commands } from "./patterns.ts";
import { ScriptError } from "./scenario-file.ts";

/** What the parts of a `cluster` line add up to. */
interface Draft {
  voters: number;
  learners: number;
  joiners: number;
  watched: boolean;
  engine: { -readonly [Option in keyof EngineOptions]?: EngineOptions[Option] };
}

const option = (pattern: string, does: string, set: (draft: Draft, value: number) => void): Command<Draft> => ({
  pattern,
  does,
  run: (draft, slots) => set(draft, slots.has("span") ? slots.span() : slots.number()),
});

/** What may stand in a `cluster` line, separated by commas. Members are numbered in the order of the first three. */
export const setupParts: readonly Command<Draft>[] = [
  option("{count} voter(s)", "Members that found the group.", (draft, n) => (draft.voters = n)),
  option("{count} learner(s)", "Founding members that do not vote.", (draft, n) => (draft.learners = n)),
  option("{count} joiner(s)", "Members with empty disks, to be added later.", (draft, n) => (draft.joiners = n)),
  { pattern: "lease reads", does: "Reads are answered from a lease.", run: ({ engine }) => (engine.leaseReads = true) },
  option("election timeout {span}", "Default 1 s.", ({ engine }, ms) => (engine.electionTimeoutMs = ms)),
  option("clock drift {span}", "Default 100 ms.", ({ engine }, ms) => (engine.clockDriftMs = ms)),
  option("disk stall {span}", "Default 2 s.", ({ engine }, ms) => (engine.diskStallMs = ms)),
  option(
    "messages of {count} byte(s)",
    "The most entry bytes in one message, but at least one entry. Default 1024.",
    ({ engine }, bytes) => (engine.maxMessageBytes = bytes),
  ),
  option("window of {count} messages", "Default 8.", ({ engine }, n) => (engine.maxInflightMessages = n)),
  option("{count} uncommitted bytes", "Default 65536.", ({ engine }, bytes) => (engine.maxUncommittedBytes = bytes)),
  {
    pattern: "unwatched",
    does: "The safety properties do not look on: for losses that no group can bear.",
    run: (draft) => (draft.watched = false),
  },
];

const parts = new Commands(setupParts);

/** @throws ScriptError for a part that does not fit, or a group without voters. */
export function parseSetup(text: string): BenchSetup {
  const draft: Draft = { voters: 0, learners: 0, joiners: 0, watched: true, engine: {} };
  for (const part of text.split(", ")) parts.carryOut(draft, part);
  if (draft.voters === 0) throw new ScriptError("a cluster needs voters: cluster 3 voters");
  let next = 1n;
  const ids = (count: number): MemberId[] => Array.from({ length: count }, () => next++);
  const { engine, watched } = draft;
  const [voters, learners, joiners] = [ids(draft.voters), ids(draft.learners), ids(draft.joiners)];
  return { voters, learners, joiners, engine, watched };
}
