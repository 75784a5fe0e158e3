// Runs a program in this process's place, as nearly as Node allows: it gets the terminal, the signals, and its exit
// code becomes ours. Plain JavaScript that Node 18 can run.
import { spawn } from "node:child_process";
import { constants } from "node:os";

const FORWARDED = ["SIGINT", "SIGTERM", "SIGHUP"];

/**
 * Starts `command` with `args` on our own stdin, stdout and stderr. When it ends, this process ends the same way: with
 * its exit code, or by the signal that killed it.
 *
 * @param {string} command path of an executable
 * @param {readonly string[]} args its arguments
 * @param {import("node:child_process").SpawnOptions} [options] cwd and env, as for spawn
 * @returns {import("node:child_process").ChildProcess} the running program
 */
export function runInForeground(command, args, options = {}) {
  const child = spawn(command, args, { ...options, stdio: "inherit" });
  for (const signal of FORWARDED) {
    process.on(signal, () => {
      // Ctrl-C goes from the terminal to the whole foreground group, so the child has it already. A second copy would
      // look like an impatient user.
      if (signal === "SIGINT" && process.stdin.isTTY) return;
      child.kill(signal);
    });
  }
  child.on("error", (error) => {
    process.stderr.write(`quorate: cannot start ${command}: ${error.message}\n`);
    process.exit(2);
  });
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    for (const name of FORWARDED) process.removeAllListeners(name);
    // Dying of the same signal tells our parent the truth; where a signal cannot do that, the shell's number does.
    process.exitCode = 128 + (constants.signals[signal] ?? 0);
    process.kill(process.pid, signal);
  });
  return child;
}
