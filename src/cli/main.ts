/**
 * The `quorate` command: servers (`serve`, `dev`) and client verbs (`get`, `put`, `watch`, …).
 *
 * For people and scripts: reads flags, environment and files, prints results, and turns every failure into one line and
 * an exit code. It promises that bad input is refused by name before anything is started or sent. It must not know how
 * a member works inside: it makes a configuration and hands it to `server/`, or talks to a cluster as any client does.
 *
 * Imported by `bin/quorate`; importing it runs the command line of this process.
 */
import { run } from "./program.ts";
import { processTerminal } from "./terminal.ts";

// Not process.exit: output to a pipe may still be on its way.
process.exitCode = await run(process.argv.slice(2), processTerminal());
