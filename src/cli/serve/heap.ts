/**
 * The keyspace lives in the JavaScript heap, whose limit V8 fixes when the process starts, at a fraction of the memory
 * that suits a web page. So a server that was started with the usual limit replaces itself, under the same process id,
 * by one with a larger limit.
 */
import { totalmem } from "node:os";
import { getHeapStatistics } from "node:v8";

const MIB = 1024 * 1024;
/** V8 would grow this to 32 with a large heap; a collection copies as much, some 3 ms a MiB on a small machine. */
const YOUNG_MIB = 8;
/** The rest is for buffers, the system, and files in its cache. */
const HEAP_SHARE = 0.75;

/** Bytes this process may use: the machine's memory, or less if its container is limited. */
function memoryLimit(): number {
  const constrained = process.constrainedMemory();
  return constrained > 0 && constrained < totalmem() ? constrained : totalmem();
}

/**
 * The Node options for a heap of a fair share of memory, when `processes` of them share the machine, and for short
 * collections of what is young in it: most of what a server makes stays, and is copied while everything waits.
 */
export function heapOptions(processes = 1): readonly [string, string] {
  const oldSpace = Math.max(256, Math.floor((memoryLimit() * HEAP_SHARE) / processes / MIB));
  return [`--max-old-space-size=${oldSpace}`, `--max-semi-space-size=${YOUNG_MIB}`];
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
  if (getHeapStatistics().heap_size_limit >= Number(options[0].split("=")[1]) * MIB) return;
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
