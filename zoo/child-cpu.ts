/** How much of the processor another process has used: real time says little of one on a busy machine. */
import { readFileSync } from "node:fs";

/** Of Linux, whatever the machine: the kernel counts in hundredths of a second for its users. */
const TICK_MS = 10;
/** Place of the user time among the fields behind the process's name; the system's is the next one. */
const USER_TIME = 11;

/** Milliseconds since its start; null: this system does not tell, or there is no such process. */
export function cpuMsOf(pid: number | undefined): number | null {
  if (pid === undefined) return null;
  try {
    const line = readFileSync(`/proc/${pid}/stat`, "utf8");
    // A name may hold anything, parentheses too.
    const fields = line.slice(line.lastIndexOf(")") + 2).split(" ");
    const ticks = Number(fields[USER_TIME]) + Number(fields[USER_TIME + 1]);
    return Number.isFinite(ticks) ? ticks * TICK_MS : null;
  } catch {
    return null;
  }
}
