import { engines } from "../consensus/engines.ts";
import type { Logger } from "../environment.ts";
import { GrpcStatus, QuorateError } from "../errors.ts";
import type { ClockMode } from "./test-time.ts";

/** How many members, with which engine, and how their time passes. */
export interface TestClusterOptions {
  /** How many; default 3. */
  readonly members?: number;
  /** `free`: time passes as real time does. `manual`: only in `advance` and `play`. Default `free`. */
  readonly clock?: ClockMode;
  /** `raft`, `paxos` or `zab`; default `raft`. */
  readonly engine?: string;
  /** All that is left to chance follows from it: delays, elections, ids. Default 1. */
  readonly seed?: number;
  /** Where members write their log lines; default nowhere. */
  readonly logger?: Logger;
}

const MOST_MEMBERS = 9;
const silent: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** @throws QuorateError `INVALID_ARGUMENT` naming the option that cannot be used */
export function settled(options: TestClusterOptions): Required<TestClusterOptions> {
  const { members = 3, clock = "free", engine = "raft", seed = 1, logger = silent } = options;
  if (!Number.isInteger(members) || members < 1 || members > MOST_MEMBERS) {
    throw invalid(`members is ${String(members)}: give a whole number from 1 to ${MOST_MEMBERS}`);
  }
  if (clock !== "free" && clock !== "manual") {
    throw invalid(`clock is ${JSON.stringify(clock)}: give "free" or "manual"`);
  }
  if (!engines.has(engine)) {
    throw invalid(`engine is ${JSON.stringify(engine)}: give one of ${[...engines.keys()].join(", ")}`);
  }
  if (!Number.isSafeInteger(seed)) throw invalid(`seed is ${String(seed)}: give a whole number`);
  return { members, clock, engine, seed, logger };
}

export function invalid(message: string): QuorateError {
  return new QuorateError("INVALID_ARGUMENT", GrpcStatus.invalidArgument, message);
}
