/**
 * The keyspace lives in the JavaScript heap, whose limit V8 fixes when the process starts, at a fraction of the memory
 * that suits a web page. So a server that was started with the usual limit replaces itself, under the same process id,
 * by one with a larger limit.
 */
import { availableParallelism, totalmem } from "node:os";
import { getHeapStatistics } from "node:v8";

const MIB = 1024 * 1024;
/** V8 would grow this to 32 with a large heap; a collection copies as much, some 3 ms a MiB on a small machine. */
const YOUNG_MIB = 8;
/**
 * With fewer cores a collection of the young does not share its work: it would wait for helpers that wait for a core.
 * Measured with a million keys on two busy cores: 99 of 100 such pauses below 20 ms instead of 82.
 */
const CORES_TO_SHARE = 4;
/** The rest is for buffers, the system, and files in its cache. */
const HEAP_SHARE = 0.75;

/** Bytes this process may use: the machine's memory, or less if its container is limited. */
function memoryLimit(): number {
  const constrained = process.constrainedMemory();
  return constrained > 0 && constrained < totalmem() ? constrained : totalmem();
}

function oldSpaceMib(processes = 1): number {
  return Math.max(256, Math.floor((memoryLimit() * HEAP_SHARE) / processes / MIB));
}

/**
 * The Node options for a heap of a fair share of memory, when `processes` of them share the machine, and for short
 * collections of what is young in it: most of what a server makes stays, and is copied while everything waits.
 */
export function heapOptions(processes = 1): readonly string[] {
  const options = [`--max-old-space-size=${oldSpaceMib(processes)}`, `--max-semi-space-size=${YOUNG_MIB}`];
  return availableParallelism() < CORES_TO_SHARE ? [...options, "--no-parallel-scavenge"] : options;
}

/**
 * Replaces this process by the same one with a larger heap limit, if it needs that: not if someone chose a limit
 * already (NODE_OPTIONS or a flag), nor where the system or this Node cannot do it (Windows, Node before 22.15).
 */
export function raiseHeapLimit(): void {
  const chosen = [...process.execArgv, process.env["NODE_OPTIONS"] ?? ""].some((option) =>
    /--max[-_]old[-_]space/.test(option),
  );
  if (chosen || process.platform === "win32") return;
  const options = heapOptions();
  if (getHeapStatistics().heap_size_limit >= oldSpaceMib() * MIB) return;
  process.execve?.(
    process.execPath,
    [
      process.execPath,
      ...options,
      "--disable-warning=ExperimentalWarning",
      ...process.execArgv,
      ...process.argv.slice(1),
    ],
    process.env,
  );
}
