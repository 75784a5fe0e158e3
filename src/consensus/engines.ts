/** The protocols to choose from, by the name that a cluster is founded with. */
import type { EngineFactory, Genesis } from "./engine.ts";
import type { Membership } from "./membership.ts";
import type { EnginePeek } from "./peek.ts";
import { paxosKind } from "./paxos/kind.ts";
import { genesis as raftGenesis } from "./raft/genesis.ts";
import { raftPeek } from "./raft/peek.ts";
import { Raft } from "./raft/raft.ts";
import { zabKind } from "./zab/kind.ts";

/** A protocol: how its engines are made, what a founding member's disk begins with, how checks look into its bytes. */
export interface EngineKind {
  readonly name: string;
  readonly create: EngineFactory;
  readonly genesis: (membership: Membership, context: Uint8Array) => Genesis;
  readonly peek: EnginePeek;
}

const raft: EngineKind = {
  name: "raft",
  create: (options, start, now) => new Raft(options, start, now),
  genesis: raftGenesis,
  peek: raftPeek,
};

/** By name. */
export type Engines = ReadonlyMap<string, EngineKind>;

/** The first is the one that is taken where nothing is said. */
export const engines: Engines = new Map([raft, paxosKind, zabKind].map((kind) => [kind.name, kind]));
