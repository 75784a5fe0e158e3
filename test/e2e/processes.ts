import { readFileSync } from "node:fs";

/** The state that Linux shows of a process: `R`, `S`, `T` (stopped), `Z` (ended, but not fetched yet), …; "" if there is none. */
export function stateOf(pid: number): string {
  try {
    // Behind the name, which may have spaces.
    const [state = ""] = (readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1) ?? "").split(" ");
    return state;
  } catch {
    return "";
  }
}

/** Whether a process runs: one that has ended, and that nobody has fetched yet, does not. */
export function isRunning(pid: number): boolean {
  return !/^[ZXx]?$/.test(stateOf(pid));
}
