import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededRandom } from "../consensus/random.ts";
import { decodeSlot, encodeSlot, HardStateFile, hardStateName, readHardState } from "./hard-state.ts";
import { decodeIdentity, encodeIdentity } from "./identity.ts";
import { Machine } from "./testing/machine.ts";

const identity = { clusterId: 2n ** 64n - 1n, memberId: 1n, engine: "raft" };
const state = { version: 3, identity, hint: { segment: 9, batch: 2 ** 40, chain: 0xfffffffe } };

test("a slot comes back; any changed byte, and the other slot's place, are noticed", () => {
  const bytes = encodeSlot(state);
  assert.deepEqual(decodeSlot(bytes, 1), state);
  assert.equal(decodeSlot(bytes, 0), null);
  for (let at = 0; at < bytes.length; at++) {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ 0x80;
    assert.equal(decodeSlot(changed, 1), null, `byte ${at}`);
  }
  assert.equal(decodeSlot(Buffer.alloc(50), 0), null);
  assert.throws(() => encodeSlot({ ...state, identity: { ...identity, engine: "e".repeat(33) } }), /longer than 32/);
});

test("whatever a crash does to one writing, the state before it or the new one is read", async () => {
  for (let seed = 1; seed <= 50; seed++) {
    const random = new SeededRandom(seed);
    const machine = new Machine(seed);
    machine.disk.place(hardStateName, Buffer.alloc(0));
    const file = await HardStateFile.open(machine.boot().disk, ".", identity, null);
    let last = 0;
    const writes = 3 + random.below(5);
    for (; last < writes; last++) await file.write({ segment: 1, batch: last, chain: last });
    machine.crashAt = machine.disk.operations + 1 + random.below(2);
    void file.write({ segment: 1, batch: last, chain: last });
    await machine.settle();
    const read = await readHardState(machine.boot().disk, ".");
    assert.ok(
      read?.hint.batch === last || read?.hint.batch === last - 1,
      `seed ${seed}: ${read?.hint.batch} of ${last}`,
    );
  }
});

test("with one slot damaged the other one counts; a missing file is no state", async () => {
  const machine = new Machine(1);
  const { disk } = machine.boot();
  assert.equal(await readHardState(disk, "."), null);
  machine.disk.place(hardStateName, Buffer.alloc(0));
  const file = await HardStateFile.open(disk, ".", identity, null);
  for (let batch = 1; batch <= 4; batch++) await file.write({ segment: 1, batch, chain: 0 });
  assert.equal((await readHardState(disk, "."))?.hint.batch, 4);
  machine.alter(hardStateName, (content) => content.fill(0, 0, 20));
  assert.equal((await readHardState(disk, "."))?.hint.batch, 3);
  machine.alter(hardStateName, (content) => content.fill(0));
  assert.equal(await readHardState(disk, "."), null);
});

test("an identity is one line that people can read, and is noticed when it was changed", () => {
  const bytes = encodeIdentity(identity);
  assert.match(
    bytes.toString(),
    /^\{"format":1,"clusterId":"f{16}","memberId":"0{15}1","engine":"raft","checksum":"[0-9a-f]{8}"\}\n$/,
  );
  assert.deepEqual(decodeIdentity(bytes), identity);
  const changes = [bytes.toString().replace("raft", "zab"), "", "{}", "null", "[]", bytes.toString().slice(0, -1)];
  for (const text of changes) assert.equal(decodeIdentity(Buffer.from(text)), null, text);
});
