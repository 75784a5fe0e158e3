/** The protocols to choose from, by the name that a cluster is founded with. */
import type { EngineKind } from "./engine-kind.ts";
import { paxosKind } from "./paxos/kind.ts";
import { genesis as raftGenesis } from "./raft/genesis.ts";
import { raftPeek } from "./raft/peek.ts";
import { Raft } from "./raft/raft.ts";
import { zabKind } from "./zab/kind.ts";

const raft: EngineKind = {
  name: "raft",
  create: (options, start, now) => new Raft(options, start, now),
  genesis: raftGenesis,
  peek: raftPeek,
};

export type { EngineKind } from "./engine-kind.ts";

/** By name. */
export type Engines = ReadonlyMap<string, EngineKind>;

/** The first is the one that is taken where nothing is said. */
export const engines: Engines = new Map([raft, paxosKind, zabKind].map((kind) => [kind.name, kind]));
