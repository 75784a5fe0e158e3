/** Uses of recipes by which something is held: got in time or given up, used, released. */
import type { Hold } from "../../coordination/hold.ts";
import { recipePrefix } from "../../coordination/names.ts";
import type { Holding } from "./history.ts";
import { EXCLUSIVE, type Manner } from "./recorder.ts";
import type { Use, User } from "./user.ts";

/** How a write that comes late is late, ms. */
const LATE_MS = 3_000;
const HAND_OVER_MS = 50;
const MOST_RANK = 6;
export const PERMITS = 3;

/** Keys of guarded writes: `guarded/<resource>`. */
export const GUARDED_PREFIX = "guarded/";

function mutexManner(name: string): Manner {
  const line = { blocking: recipePrefix("lock", name), permits: null };
  return { ...EXCLUSIVE, resource: `mutex ${name}`, line };
}

export const useMutex: Use = async (user) => {
  const name = user.name("m");
  const mutex = user.quorate.lock(name, { label: user.life.name });
  const lock = user.random.chance(0.15) ? await mutex.tryAcquire() : await mutex.acquire(user.patience());
  if (lock !== null) await use(user, [[lock, mutexManner(name)]]);
};

export const useMultiLock: Use = async (user) => {
  const names = user.random.chance(0.5) ? ["m1", "m0"] : ["m2", "m0"];
  const multi = user.quorate.multiLock(names);
  const hold = user.random.chance(0.1) ? await multi.tryAcquire() : await multi.acquire(user.patience());
  if (hold === null) return;
  await use(
    user,
    [...hold.locks].map(([name, lock]) => [lock, mutexManner(name)]),
  );
};

export const useReadWriteLock: Use = async (user) => {
  const name = user.name("r");
  const shares = user.random.chance(0.6);
  const lock = user.quorate.readWriteLock(name);
  const side = shares ? lock.read : lock.write;
  const hold = user.random.chance(0.1) ? await side.tryAcquire() : await side.acquire(user.patience());
  if (hold === null) return;
  const blocking = recipePrefix("rw", name) + (shares ? "write/" : "");
  const resource = `read-write lock ${name}`;
  await use(user, [
    [hold, { resource, line: { blocking, permits: null }, weight: 1, limit: 1, shares, ordered: false }],
  ]);
};

export const useSemaphore: Use = async (user) => {
  const name = user.name("s");
  const weight = 1 + user.random.below(PERMITS);
  const semaphore = user.quorate.semaphore(name, { permits: PERMITS, label: user.life.name });
  const permit = user.random.chance(0.15)
    ? await semaphore.tryAcquire({ permits: weight })
    : await semaphore.acquire({ permits: weight, ...user.patience() });
  if (permit === null) return;
  const line = { blocking: `${recipePrefix("semaphore", name)}line/`, permits: PERMITS };
  const resource = `semaphore ${name}`;
  await use(user, [[permit, { resource, line, weight, limit: PERMITS, shares: false, ordered: false }]]);
};

export const useElection: Use = async (user) => {
  const name = user.name("e");
  const office = await user.quorate.election(name).campaign(user.life.name, user.patience());
  const line = { blocking: recipePrefix("election", name), permits: null };
  const proclaims = user.random.chance(0.3);
  await use(user, [[office, { ...EXCLUSIVE, resource: `election ${name}`, line }]], async () => {
    if (proclaims) await office.proclaim(`${user.life.name} again`, user.patience());
  });
};

/** Keys of its candidates and its office begin with this. */
export function rankedPrefix(name: string): string {
  return recipePrefix("election", name);
}

export const useRankedElection: Use = async (user) => {
  const name = user.name("highest");
  const number = user.random.below(MOST_RANK);
  const election = user.quorate.rankedElection(name, { handOverMs: HAND_OVER_MS });
  const office = await election.campaign({ number, value: user.life.name }, user.patience());
  await use(user, [[office, { ...EXCLUSIVE, resource: `ranked election ${name}`, line: null }]]);
};

/** Holds for a while, writes meanwhile, and releases. @param first what is done before */
async function use(
  user: User,
  holds: readonly (readonly [Hold, Manner])[],
  first: () => Promise<void> = async () => undefined,
): Promise<void> {
  const { recorder, life, random } = user;
  const holdings = holds.map(([hold, manner]) => [hold, recorder.granted(life, hold, manner)] as const);
  try {
    await first();
    for (let steps = random.below(4); steps > 0; steps--) {
      await user.sleep(user.stage.plan.holdMs);
      for (const [hold, holding] of holdings) await write(user, hold, holding);
    }
  } finally {
    await Promise.all(holds.map(([hold]) => release(user, hold)));
  }
}

/** Of those that exclude each other only: fences of others tell nothing. */
async function write(user: User, hold: Hold, holding: Holding): Promise<void> {
  const { recorder, random, quorate } = user;
  if (holding.ordered && hold.held) {
    if (random.chance(0.7)) recorder.wrote(holding, true);
    // It has left, and nobody can take it back.
    else user.stage.later(random.between(1, LATE_MS), () => recorder.wrote(holding, false));
  }
  if (random.chance(0.3)) {
    const key = `${GUARDED_PREFIX}${holding.resource}`;
    await quorate.guard(hold).put(key, `${hold.key} ${hold.fence}`, user.patience());
  }
}

async function release(user: User, hold: Hold): Promise<void> {
  const { random, stage } = user;
  await (random.chance(0.2) && !stage.calm ? hold.release({ timeoutMs: 5 }) : hold[Symbol.asyncDispose]());
}
