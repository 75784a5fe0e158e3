import { readFileSync } from "node:fs";

/** Whether a process runs: one that has ended, and that nobody has fetched yet, does not. */
export function isRunning(pid: number): boolean {
  try {
    const [state = ""] = (readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1) ?? "").split(" ");
    return !/^[ZXx]$/.test(state);
  } catch {
    return false;
  }
}
