import { spawn } from "node:child_process";
import type { HealthCheck } from "../registry/health.ts";
import type { CheckTiming } from "./check-timing.ts";

/** Kept of what a command says, characters. */
const MOST_SAID = 200;

/** Passes when a command ends with 0. What it says on its standard error is the reason when it fails. */
export function commandCheck(command: readonly [string, ...string[]], timing: CheckTiming = {}): HealthCheck {
  const [file, ...words] = command;
  return {
    name: command.join(" "),
    probe: ({ signal }) =>
      new Promise<void>((resolve, reject) => {
        const child = spawn(file, words, { stdio: ["ignore", "ignore", "pipe"], signal, killSignal: "SIGKILL" });
        let said = "";
        child.stderr.setEncoding("utf8").on("data", (text: string) => {
          said = (said + text).slice(0, MOST_SAID);
        });
        child.once("error", reject);
        child.once("close", (code, killedBy) => {
          if (code === 0) return resolve();
          const end = code === null ? `ended by ${killedBy}` : `exit code ${code}`;
          reject(new Error(said.trim() === "" ? end : `${end}: ${said.trim()}`));
        });
      }),
    ...timing,
  };
}
