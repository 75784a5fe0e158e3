/**
 * The program of a child process: runs the seeds it is asked for, one at a time, with the defect that the loader has
 * put into this process (or with none).
 *
 *     parent: { seed: 7, engine: "raft", habitat: "any life" }
 *     child:  { seed: 7, failure: { property, message } | null, unpatched: [] }
 *
 * What goes wrong while a module is loaded ends the process before it says "ready": that is a fault of the zoo, and
 * never counts as a find.
 */
import { SafetyViolation } from "../src/consensus/properties/violation.ts";
import type { Level } from "./defect.ts";
import { unpatchedFiles } from "./loader.ts";
import type { SeedAnswer, SeedQuestion } from "./seed-process.ts";

type Failure = SeedAnswer["failure"];
type Run = (question: SeedQuestion) => Promise<Failure>;

/** Only the level that is asked for is loaded: each must be able to run without the other. */
async function loadLevel(level: Level): Promise<Run> {
  if (level === "engine") {
    const { drawPlan, runSwarm } = await import("../src/consensus/testing/swarm.ts");
    const { engines } = await import("../src/consensus/engines.ts");
    return async ({ seed, engine }) => {
      const kind = engines.get(engine);
      if (kind === undefined) throw new Error(`there is no engine ${engine}: ${[...engines.keys()].join(", ")}`);
      try {
        runSwarm(kind, drawPlan(seed));
        return null;
      } catch (error) {
        return describe(error);
      }
    };
  }
  if (level === "protocol") {
    const { runProtocolSeed } = await import("../src/transactions/protocol/testing/run-seed.ts");
    return async ({ seed }) => {
      try {
        return runProtocolSeed(seed);
      } catch (error) {
        return describe(error);
      }
    };
  }
  const { runPlan } = await import("../src/sim/run-seed.ts");
  const { planOf } = await import("./habitats.ts");
  return async ({ seed, engine, habitat }) => (await runPlan(planOf(seed, engine, habitat))).failure;
}

/** The property is what was violated, not the seed in which it was. */
function describe(thrown: unknown): Failure {
  const error = thrown instanceof Error && thrown.cause instanceof Error ? thrown.cause : thrown;
  if (error instanceof SafetyViolation) return { property: error.property, message: error.message };
  if (!(error instanceof Error)) return { property: "no exception", message: String(error) };
  const property = error.name === "InvariantViolation" ? "invariant" : "no exception";
  return { property, message: error.message };
}

const asked = process.argv[2];
const level: Level = asked === "engine" || asked === "protocol" ? asked : "cluster";
const run = await loadLevel(level);
process.on("message", (question: SeedQuestion) => {
  void run(question).then((failure) => {
    const { user, system } = process.cpuUsage();
    const cpuMs = (user + system) / 1_000;
    const answer: SeedAnswer = { seed: question.seed, failure, cpuMs, unpatched: unpatchedFiles() };
    process.send?.(answer);
  });
});
process.on("disconnect", () => process.exit());
process.send?.("ready");
