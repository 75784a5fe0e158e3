import type { ClusterUnderTest } from "../test/support/cluster.ts";
import { eventually } from "../test/support/eventually.ts";
import { OpenWriter } from "./open-writer.ts";

/** Writes before the kill and after the first acknowledgement, so that the gap has both its edges. */
const STEADY_MS = 500;

/** Kills the leader under a steady stream of puts: how many milliseconds nobody could write. It is started again. */
export async function killLeaderOf(cluster: ClusterUnderTest): Promise<number> {
  await cluster.ready();
  const leader = await cluster.leader();
  const writer = new OpenWriter(cluster.others(leader));
  try {
    await eventually("puts are acknowledged", () => writer.assertSteady(STEADY_MS), { withinMs: 20_000 });
    const killed = performance.now();
    await leader.end("SIGKILL");
    await eventually("puts are acknowledged again", () => writer.assertSteady(STEADY_MS, killed), { withinMs: 60_000 });
    return writer.longestGap(killed);
  } finally {
    await writer.stop();
    leader.start();
  }
}
