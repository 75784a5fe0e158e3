/**
 * Keeps the process from ending while something is under way. A member's timers and sockets do not hold a process (who
 * embeds one must be able to end), so a start or a stop that waits for nothing but a timer would end it silently.
 */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export async function stayAlive<T>(work: Promise<T>): Promise<T> {
  const timer = setInterval(() => {}, LONGEST_TIMER_MS);
  try {
    return await work;
  } finally {
    clearInterval(timer);
  }
}
