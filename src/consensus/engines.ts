/** The protocols to choose from, by the name that a cluster is founded with. */
import type { EngineFactory, Genesis } from "./engine.ts";
import type { Membership } from "./membership.ts";
import { genesis as raftGenesis } from "./raft/genesis.ts";
import { Raft } from "./raft/raft.ts";

/** A protocol: how its engines are made, and what a founding member's disk begins with. */
export interface EngineKind {
  readonly name: string;
  readonly create: EngineFactory;
  readonly genesis: (membership: Membership, context: Uint8Array) => Genesis;
}

const raft: EngineKind = {
  name: "raft",
  create: (options, start, now) => new Raft(options, start, now),
  genesis: raftGenesis,
};

export const engines: ReadonlyMap<string, EngineKind> = new Map([[raft.name, raft]]);
