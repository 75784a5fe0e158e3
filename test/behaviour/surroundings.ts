/**
 * Where the suite's programs run: before a cluster of Quorate or etcd whose leader can be killed, or on a member in a
 * thread of this process (`QUORATE_TEST_TARGET=embedded`), which is all there is.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { connect } from "../../src/coordination/connect.ts";
import { Quorate } from "../../src/coordination/quorate.ts";
import { start } from "../../src/coordination/start.ts";
import { ClusterUnderTest } from "../support/cluster.ts";
import { engineFromEnvironment } from "../support/target.ts";

const PROGRAMS = 4;
const SESSION_TTL_MS = 10_000;
/** How long a dead leader is away, or a program stands still. */
const OUTAGE_MS = 1_500;

export interface Surroundings {
  readonly programs: readonly Quorate[];
  /** While `work` goes on, the worst happens that these surroundings can do to it. */
  disturb<T>(work: Promise<T>): Promise<T>;
  stop(): Promise<void>;
}

export function surroundingsFromEnvironment(): Promise<Surroundings> {
  return process.env["QUORATE_TEST_TARGET"] === "embedded" ? embedded() : remote();
}

async function remote(): Promise<Surroundings> {
  const cluster = await ClusterUnderTest.start();
  const programs: Quorate[] = [];
  for (let i = 0; i < PROGRAMS; i++) {
    programs.push(await connect(cluster.endpoints, { sessionTtlMs: SESSION_TTL_MS }));
  }
  return {
    programs,
    /** Ends the leader as a power failure would, and brings it back. */
    disturb: async (work) => {
      const leader = await cluster.leader();
      await leader.end("SIGKILL");
      await pause(OUTAGE_MS);
      leader.start();
      const result = await work;
      await cluster.ready();
      return result;
    },
    stop: async () => {
      await Promise.allSettled(programs.map((q) => q.close({ timeoutMs: 5_000 })));
      await cluster.stop();
    },
  };
}

async function embedded(): Promise<Surroundings> {
  const dataDir = mkdtempSync(join(tmpdir(), "quorate-behaviour-"));
  const engine = engineFromEnvironment();
  const first = await start({ dataDir, sessionTtlMs: SESSION_TTL_MS, ...(engine === null ? {} : { engine }) });
  // One member, one store; each program has sessions of its own.
  const others = Array.from({ length: PROGRAMS - 1 }, () => new Quorate(first.store, { sessionTtlMs: SESSION_TTL_MS }));
  const programs = [first, ...others];
  return {
    programs,
    /** The programs stand still, and their member does not. */
    disturb: async (work) => {
      await pause(100);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, OUTAGE_MS);
      return await work;
    },
    stop: async () => {
      await Promise.allSettled(programs.map((q) => q.close({ timeoutMs: 5_000 })));
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
