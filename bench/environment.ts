/** What every benchmark says about where it ran: numbers without it mean little. */
import { availableParallelism, totalmem } from "node:os";
import { ETCD, H2LOAD, versionOf } from "../test/support/programs.ts";

export function describeEnvironment(): string {
  const memory = Math.round(totalmem() / 2 ** 30);
  return [
    `${new Date().toISOString().slice(0, 10)}, ${availableParallelism()} cores, ${memory} GiB, Node ${process.version}`,
    `etcd: ${versionOf(ETCD)}; h2load: ${versionOf(H2LOAD)}`,
  ].join("\n");
}
