/** Members cut apart while clients still reach all of them, for as long as sessions live or longer. */
import { setTimeout as delay } from "node:timers/promises";
import { assert } from "../../../src/errors.ts";
import type { ClusterUnderTest } from "../../support/cluster.ts";
import type { ProxiedLinks } from "../../support/proxied-links.ts";
import type { Fault } from "../nemesis.ts";

/** Long enough for a new election with default timeouts. */
const LEAST_MS = 2_000;
const MORE_MS = 4_000;

/** A partition that heals. @param cut makes it, and says whom it met */
function partition(name: string, cut: (cluster: ClusterUnderTest, links: ProxiedLinks) => Promise<string>): Fault {
  return {
    name,
    async strike(cluster, random) {
      const { links } = cluster;
      assert(links !== null, "partitions need a cluster with proxied links");
      const met = await cut(cluster, links);
      const cutMs = LEAST_MS + random.below(MORE_MS);
      await delay(cutMs);
      links.heal();
      return `${met}, ${cutMs} ms`;
    },
  };
}

/** In the order in which they take turns. */
export const PARTITION_FAULTS: readonly Fault[] = [
  partition("the leader cut off from all", async (cluster, links) => {
    const leader = await cluster.leader();
    links.cut([leader], cluster.others(leader));
    return leader.name;
  }),
  partition("a leader that hears but is not heard", async (cluster, links) => {
    const leader = await cluster.leader();
    for (const other of cluster.others(leader)) links.cutOneWay(leader, other);
    return leader.name;
  }),
  partition("all members apart", async (cluster, links) => {
    for (const member of cluster.members) links.cut([member], cluster.others(member));
    return "all";
  }),
  partition("a leader that is heard but hears nothing", async (cluster, links) => {
    const leader = await cluster.leader();
    for (const other of cluster.others(leader)) links.cutOneWay(other, leader);
    return leader.name;
  }),
];
