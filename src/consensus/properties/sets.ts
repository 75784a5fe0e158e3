/**
 * Which properties hold for which protocol. Most are promises of the contract (`engine.ts`), whoever keeps them; those
 * of a log that only ever grows behind its leader's are Raft's and Zab's.
 */
import { paxosProperties } from "../paxos/properties/properties.ts";
import type { EnginePeek } from "../peek.ts";
import { zabProperties } from "../zab/properties/properties.ts";
import { CommitGrows } from "./commit-grows.ts";
import { CommitRule } from "./commit-rule.ts";
import { CommittedEntries } from "./committed-entries.ts";
import { ConfigurationSafety } from "./configuration-safety.ts";
import { Durability } from "./durability.ts";
import { DurableBeforeSaid } from "./durable-before-said.ts";
import { ElectedByQuorum } from "./elected-by-quorum.ts";
import { ElectionSafety } from "./election-safety.ts";
import { EpochsGrow } from "./epochs-grow.ts";
import { FreshReads } from "./fresh-reads.ts";
import { HandOverEnds } from "./hand-over-ends.ts";
import { LeaderAppendOnly } from "./leader-append-only.ts";
import { LeaderCompleteness } from "./leader-completeness.ts";
import { LeaderIsHeard } from "./leader-is-heard.ts";
import { LogMatching } from "./log-matching.ts";
import { OneVote } from "./one-vote.ts";
import type { ObservedGroup, Property } from "./property.ts";
import { SnapshotIsSent } from "./snapshot-is-sent.ts";
import { SnapshotSafety } from "./snapshot-safety.ts";
import { StalledDiskResigns } from "./stalled-disk-resigns.ts";
import { StateMachineSafety } from "./state-machine-safety.ts";

type PropertySet = (group: ObservedGroup, peek: EnginePeek) => readonly Property[];

const everyEngine: PropertySet = (group, peek) => [
  new Durability(),
  new ElectionSafety(),
  new ElectedByQuorum(group),
  new StateMachineSafety(group),
  new OneVote(),
  new DurableBeforeSaid(group),
  new EpochsGrow(peek),
  new CommitGrows(),
  new FreshReads(group),
  new SnapshotSafety(group),
  new LeaderIsHeard(),
  new HandOverEnds(),
  new StalledDiskResigns(),
  new SnapshotIsSent(),
];

/** Members hold one leader's log, each up to some entry. */
const oneLog =
  (ownEpochOnly: boolean): PropertySet =>
  (group) => [
    new CommitRule(group, ownEpochOnly),
    new CommittedEntries(group),
    new LeaderAppendOnly(),
    new LogMatching(),
    new LeaderCompleteness(group),
    new ConfigurationSafety(group),
  ];

/** Members hold slots, each with a value of some ballot. */
const slots: PropertySet = (group) => [
  new CommitRule(group, false),
  new LeaderAppendOnly(),
  new LeaderCompleteness(group),
  ...paxosProperties(group),
];

/** What holds of one protocol beside what holds of all, by its name. */
const own: ReadonlyMap<string, PropertySet> = new Map([
  ["raft", oneLog(true)],
  ["paxos", slots],
  // A leader's whole history counts as its own once a quorum has taken it over.
  ["zab", (group, peek) => [...zabProperties(group), ...oneLog(false)(group, peek)]],
]);

/**
 * A protocol's own properties first: they say more precisely what went wrong.
 * @param engine the protocol's name; of one that is not known here, what holds of all.
 */
export function propertiesOf(engine: string, group: ObservedGroup, peek: EnginePeek): readonly Property[] {
  return [...(own.get(engine)?.(group, peek) ?? []), ...everyEngine(group, peek)];
}
