/** Questions about what can still happen, asked of the graph of all states: who is blocked, and what never ends. */
import type { Explorer } from "./explorer.ts";
import type { Facts } from "./moves.ts";
import { StepKind } from "./world.ts";

/**
 * States in which a participant that is up is in doubt, and stays so whatever is said and however long it waits, unless
 * somebody comes back.
 */
export function blockedStates(explorer: Explorer): number[] {
  const isFree = (all: readonly Facts[]): boolean => all.every(({ isUp, inDoubt }) => !isUp || !inDoubt);
  return cannotReach(explorer, (state) => isFree(factsOf(explorer, state)), [StepKind.progress]);
}

/** States that come to no end even if all that are down come back, and nothing fails any more. */
export function endlessStates(explorer: Explorer): number[] {
  const hasEnded = (state: number): boolean =>
    explorer.world.isOver(explorer.wordsOf(state)) || factsOf(explorer, state).every(({ isIdle }) => isIdle);
  return cannotReach(explorer, hasEnded, [StepKind.progress, StepKind.recovery]);
}

/** `c down (committed) | p1 prepared | p2 down (nothing)`: of who is down, what its log says. */
export function describeState(explorer: Explorer, state: number): string {
  const { moves } = explorer.world;
  const words = explorer.wordsOf(state);
  return moves.ids.map((id, at) => `${id} ${moves.describeProcess(id, words[at] as number)}`).join(" | ");
}

function factsOf(explorer: Explorer, state: number): Facts[] {
  return explorer.world.factsOf(explorer.wordsOf(state));
}

/** States from which no way of these kinds of steps leads to one that is wanted. */
function cannotReach(
  { size, edges }: Explorer,
  isWanted: (state: number) => boolean,
  kinds: readonly StepKind[],
): number[] {
  const isUsable = (edge: number): boolean => kinds.includes(edges.at(edge + 2) as StepKind);
  // The edges into each state, one behind the other.
  const starts = new Int32Array(size + 1);
  for (let edge = 0; edge < edges.length; edge += 3) if (isUsable(edge)) bump(starts, edges.at(edge + 1) + 1);
  for (let state = 0; state < size; state++)
    starts[state + 1] = (starts[state + 1] as number) + (starts[state] as number);
  const filled = starts.slice();
  const sources = new Int32Array(starts[size] as number);
  for (let edge = 0; edge < edges.length; edge += 3) {
    if (!isUsable(edge)) continue;
    const to = edges.at(edge + 1);
    sources[filled[to] as number] = edges.at(edge);
    bump(filled, to);
  }
  const reaches = new Uint8Array(size);
  const waiting: number[] = [];
  const mark = (state: number): void => {
    if (reaches[state] === 1) return;
    reaches[state] = 1;
    waiting.push(state);
  };
  for (let state = 0; state < size; state++) if (isWanted(state)) mark(state);
  for (let state = waiting.pop(); state !== undefined; state = waiting.pop()) {
    for (let at = starts[state] as number; at < (starts[state + 1] as number); at++) mark(sources[at] as number);
  }
  return Array.from({ length: size }, (_, state) => state).filter((state) => reaches[state] === 0);
}

function bump(counts: Int32Array, at: number): void {
  counts[at] = (counts[at] as number) + 1;
}
