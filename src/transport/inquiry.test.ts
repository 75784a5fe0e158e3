import assert from "node:assert/strict";
import { test } from "node:test";
import { inquire, MAX_DESCRIPTION_BYTES } from "./inquiry.ts";
import { addressOf, portOf, seededRandom } from "./testing/member.ts";
import { type World, world } from "./testing/world.ts";

async function ask(w: World, id: bigint): Promise<Uint8Array | Error> {
  const environment = { ...w.environmentAt(9), random: seededRandom(9) };
  const asked = inquire(environment, addressOf(portOf(id)), 500).catch((error: Error) => error);
  await w.pass(1_000);
  return await asked;
}

test("somebody without an identity learns what the member says of its cluster", async () => {
  for (const size of [0, 1, 100_000]) {
    const w = world();
    const description = new Uint8Array(size).fill(7);
    await w.start({ id: 1n, describe: () => description });
    assert.deepEqual(await ask(w, 1n), description);
    await w.close();
  }
});

test("the one who asks is no peer: no frames, no link, no events", async () => {
  const w = world();
  const member = await w.start({ id: 1n, describe: () => new Uint8Array(3) });
  await ask(w, 1n);
  assert.deepEqual([member.events, member.frames], [[], []]);
  await w.close();
});

test("where nobody listens, or somebody says too much, the answer is an error that names the address", async () => {
  const w = world();
  const nobody = await ask(w, 5n);
  assert(nobody instanceof Error);
  await w.start({ id: 2n, describe: () => new Uint8Array(MAX_DESCRIPTION_BYTES + 1) });
  const tooMuch = await ask(w, 2n);
  assert(tooMuch instanceof Error);
  assert.match(tooMuch.message, /m2:7002 does not say which cluster it is: its description has 1048577 bytes/);
  await w.close();
});

test("a port that accepts and says nothing is given up in time", async () => {
  const w = world();
  await w.environmentAt(portOf(3n)).network.listen(addressOf(portOf(3n)), () => {});
  const silent = await ask(w, 3n);
  assert(silent instanceof Error);
  assert.match(silent.message, /no answer within 500 ms/);
});
