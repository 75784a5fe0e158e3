/**
 * Between two events of the simulated world everything that a process does takes no time: all promises settle. The one
 * place of the simulator that knows its host.
 */

/** Now and then the host's event loop gets its turn: it reports rejections that nobody handles, and messages of threads. */
const TURN_EVERY = 1_024;

let calls = 0;

export function settle(): Promise<void> {
  calls++;
  return new Promise((resolve) => {
    // Node calls this when no promise has anything left to do; a third of the cost of a turn of the event loop.
    if (calls % TURN_EVERY === 0) setImmediate(resolve);
    else process.nextTick(resolve);
  });
}
