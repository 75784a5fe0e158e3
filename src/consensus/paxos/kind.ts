/** Multi-Paxos as one of the protocols to choose from. */
import type { EngineKind } from "../engine-kind.ts";
import { genesis } from "./genesis.ts";
import { Paxos } from "./paxos.ts";
import { paxosPeek } from "./peek.ts";

export const paxosKind: EngineKind = {
  name: "paxos",
  create: (options, start, now) => new Paxos(options, start, now),
  genesis,
  peek: paxosPeek,
  flexibleQuorums: true,
};
