/** Resolves when no promise has anything left to do: Node works off all of them before it comes back to this queue. */
export function settle(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}
