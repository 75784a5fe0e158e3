/** A worker thread that runs seeds, one after the other, as it is asked. */
import { parentPort } from "node:worker_threads";
import { runSeed, type SeedOptions } from "../../sim/run-seed.ts";
import { summarise } from "./summary.ts";

const port = parentPort;
if (port === null) throw new Error("this module runs in a worker thread only");
port.on("message", (options: SeedOptions) => {
  const started = performance.now();
  void runSeed(options).then((result) => port.postMessage(summarise(result, performance.now() - started)));
});
