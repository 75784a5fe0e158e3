/** Uses of recipes by which nothing is held: changes that count once, ids, barriers. */
import { recipePrefix } from "../../coordination/names.ts";
import { QuorateError } from "../../errors.ts";
import type { CallOptions } from "../../store/store.ts";
import type { Change, Fate } from "./history.ts";
import type { Use, User } from "./user.ts";

/** Each add has a digit of its own in this base, so that the sum tells which were made, and how often. */
export const BASE = 4n;
const BLOCK_SIZE = 4;
const LATCH_COUNT = 3;
/** A value grows with each change: enough of them for one run. */
const MOST_CHANGES = 400;

export const useCounter: Use = (user) => {
  const name = user.name("c");
  return add(user, name, user.quorate.counter(name));
};

/** The same numbers. */
export const useHighRateCounter: Use = async (user) => {
  const name = user.name("c");
  const counter = user.kept(name, () => user.quorate.highRateCounter(name));
  await Promise.all(Array.from({ length: 1 + user.random.below(4) }, () => add(user, name, counter)));
};

interface Adds {
  add(delta: bigint, options?: CallOptions): Promise<bigint>;
}

async function add(user: User, name: string, counter: Adds): Promise<void> {
  await change(user, `${recipePrefix("counter", name)}value`, async (token) =>
    (await counter.add(BASE ** BigInt(token), user.patience())).toString(),
  );
}

export const useAtomicValue: Use = async (user) => {
  const name = user.name("v");
  const value = user.quorate.atomicValue(name);
  await change(user, `${recipePrefix("value", name)}value`, async (token) => {
    const longer = (text: string | null): string => `${text ?? ""}${token},`;
    if (user.random.chance(0.6)) {
      let made = "";
      await value.update((text) => {
        made = longer(text);
        return made;
      }, user.patience());
      return made;
    }
    const { value: found, revision } = await value.get(user.patience());
    const wanted = longer(found);
    const set = await value.compareAndSet(revision, wanted, user.patience());
    return set === null ? null : wanted;
  });
};

/** @param make gives the value that it made; null: it was not made */
async function change(user: User, key: string, make: (token: number) => Promise<string | null>): Promise<void> {
  const { recorder, life } = user;
  const begun: Change = recorder.change(life, key);
  if (begun.token >= MOST_CHANGES) return recorder.changed(begun, "refused");
  try {
    const told = await make(begun.token);
    recorder.changed(begun, told === null ? "refused" : "acknowledged", told);
  } catch (error) {
    recorder.changed(begun, fateOf(error));
    throw error;
  }
}

/** As `register.ts` promises: with any other error nothing was changed. */
function fateOf(error: unknown): Fate {
  return error instanceof QuorateError && error.code !== "OUTCOME_UNKNOWN" ? "refused" : "unknown";
}

export const useIds: Use = async (user) => {
  const { quorate, recorder, life } = user;
  const blocks = user.random.chance(0.5);
  const name = user.name(blocks ? "block" : "flake");
  const ids = user.kept(`ids ${name}`, () =>
    blocks ? quorate.blockIds(name, { blockSize: BLOCK_SIZE }) : quorate.snowflakeIds(name),
  );
  for (let left = 1 + user.random.below(6); left > 0; left--) {
    recorder.ids.push({ source: name, program: life.name, id: await ids.next(user.patience()) });
  }
};

export const useBarrier: Use = async (user) => {
  const name = user.name("b");
  const { recorder, life } = user;
  const barrier = user.quorate.barrier(name);
  if (user.stage.calm) await barrier.open(user.patience());
  else if (user.random.chance(0.3)) return void (await barrier.close(user.patience()));
  else if (user.random.chance(0.4)) return void (await barrier.open(user.patience()));
  const began = recorder.moment();
  await barrier.wait(user.stage.calm ? user.patience() : user.limited());
  const key = `${recipePrefix("barrier", name)}closed`;
  recorder.waits.push({ program: life.name, key, openWith: null, began, passed: recorder.moment() });
};

export const useLatch: Use = async (user) => {
  const name = `latch${Math.floor(user.stage.nextUse("latch") / LATCH_COUNT)}`;
  const { recorder, life } = user;
  const latch = user.quorate.latch(name);
  await latch.set(LATCH_COUNT, user.patience()).catch((error: unknown) => {
    // Somebody has counted it down since.
    if (!(error instanceof QuorateError) || error.code !== "MISMATCH") throw error;
  });
  await latch.countDown(user.patience());
  const began = recorder.moment();
  await latch.wait(user.limited());
  const key = `${recipePrefix("latch", name)}count`;
  recorder.waits.push({ program: life.name, key, openWith: "0", began, passed: recorder.moment() });
};

export const PARTIES = 2;

export const useDoubleBarrier: Use = async (user) => {
  const name = "d";
  const { recorder, life } = user;
  const part = await user.quorate.doubleBarrier(name, { parties: PARTIES }).enter(user.patience());
  const resource = `double barrier ${name}`;
  const limit = Number.POSITIVE_INFINITY;
  recorder.granted(life, part, { resource, line: null, weight: 1, limit, shares: true, ordered: false });
  await user.sleep(user.stage.plan.holdMs);
  await part.leave(user.patience());
};
