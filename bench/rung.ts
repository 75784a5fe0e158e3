/** One rung of the ladder on one cluster, and the proof that what was answered took effect. */
import type { ClusterUnderTest } from "../test/support/cluster.ts";
import { h2load, type Measured, nameOf, type Rung } from "./h2load.ts";
import { BENCH_KEY, type Method, writePayload } from "./payloads.ts";

/**
 * Loads the cluster's leader for `seconds`.
 * @param folder where the request's bytes are put for the load generator.
 * @throws Error if requests failed, or puts were answered that are not there.
 */
export async function measureRung(
  cluster: ClusterUnderTest,
  method: Method,
  rung: Rung,
  { folder, seconds }: { readonly folder: string; readonly seconds: number },
): Promise<Measured> {
  const leader = await cluster.leader();
  if (method !== "put") await leader.client.put(BENCH_KEY, "v".repeat(256));
  const before = Number((await leader.client.get(BENCH_KEY)).header?.revision);
  const measured = await h2load(leader.endpoint, rung, writePayload(folder, method), seconds);
  const after = Number((await leader.client.get(BENCH_KEY)).header?.revision);
  // To h2load an answer with a gRPC error is a success. That puts took effect shows in the revision.
  const took = after - before;
  const what = `${cluster.target}${cluster.engine === null ? "" : ` (${cluster.engine})`}`;
  if (method === "put" && took < measured.succeeded) {
    throw new Error(`${what} answered ${measured.succeeded} puts at ${nameOf(rung)}, but only ${took} took effect`);
  }
  if (measured.failed > 0) throw new Error(`${what}: ${measured.failed} requests failed at ${nameOf(rung)}`);
  return measured;
}

/** The run with the median rate; of an even number, the better of the middle two. */
export function medianRun(runs: readonly Measured[]): Measured {
  const sorted = runs.toSorted((a, b) => a.perSecond - b.perSecond);
  const run = sorted[sorted.length >> 1];
  if (run === undefined) throw new Error("nothing was measured");
  return run;
}
