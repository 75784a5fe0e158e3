/** All animals of the zoo. */
import type { Defect } from "./defect.ts";
import { elections } from "./defects/elections.ts";
import { keyspace } from "./defects/keyspace.ts";
import { leases } from "./defects/leases.ts";
import { membership } from "./defects/membership.ts";
import { paxos } from "./defects/paxos.ts";
import { reads } from "./defects/reads.ts";
import { recipes } from "./defects/recipes.ts";
import { replica } from "./defects/replica.ts";
import { replication } from "./defects/replication.ts";
import { server } from "./defects/server.ts";
import { storage } from "./defects/storage.ts";
import { transactions } from "./defects/transactions.ts";
import { transport } from "./defects/transport.ts";
import { watches } from "./defects/watches.ts";
import { zab } from "./defects/zab.ts";

export const defects: readonly Defect[] = [
  ...elections,
  ...replication,
  ...reads,
  ...membership,
  ...paxos,
  ...zab,
  ...storage,
  ...transport,
  ...replica,
  ...keyspace,
  ...leases,
  ...watches,
  ...server,
  ...transactions,
  ...recipes,
];
