/** What is left of a disk's content when a process is killed and when power is lost. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { SeededRandom } from "../consensus/random.ts";
import { Inode } from "./inode.ts";
import { bytes, MachineRoom, text } from "./testing/machine-room.ts";

test("of each sector that was not synced the old or the new bytes are left, of the size one of the two", () => {
  const write = fc.record({ offset: fc.nat(6000), size: fc.integer({ min: 1, max: 3000 }) });
  const step = fc.oneof(write, fc.record({ truncate: fc.nat(8000) }), fc.constant("sync" as const));
  fc.assert(
    fc.property(fc.integer(), fc.array(step, { maxLength: 15 }), (seed, steps) => {
      const inode = new Inode("file");
      const copy = (): Uint8Array => {
        const content = new Uint8Array(inode.size);
        inode.read(content, 0);
        return content;
      };
      let durable = copy();
      let isClean = true;
      for (const [index, what] of steps.entries()) {
        if (what === "sync") {
          inode.sync();
          durable = copy();
          isClean = true;
        } else if ("truncate" in what) {
          isClean &&= what.truncate === inode.size;
          inode.truncate(what.truncate);
        } else {
          inode.write([new Uint8Array(what.size).fill(index + 1)], 0, what.size, what.offset);
          isClean = false;
        }
      }
      const seen = copy();
      inode.crash(new SeededRandom(seed));
      const left = copy();
      if (isClean) return assert.deepEqual(left, durable);
      assert.ok(left.length === seen.length || left.length === durable.length);
      const is = (part: Uint8Array, of: Uint8Array, at: number): boolean =>
        part.every((byte, place) => byte === (of[at + place] ?? 0));
      for (let at = 0; at < left.length; at += 512) {
        const sector = left.subarray(at, at + 512);
        assert.ok(is(sector, seen, at) || is(sector, durable, at), `sector at ${at} is neither old nor new`);
      }
      // The next crash finds nothing to lose.
      inode.crash(new SeededRandom(seed + 1));
      assert.deepEqual(copy(), left);
    }),
    { numRuns: 500 },
  );
});

test("every combination of two unsynced sectors happens", () => {
  const seen = new Set<string>();
  for (let seed = 0; seed < 64; seed++) {
    const inode = new Inode("file");
    inode.place(new Uint8Array(1024).fill(1));
    inode.write([new Uint8Array(1024).fill(2)], 0, 1024, 0);
    inode.crash(new SeededRandom(seed));
    const content = new Uint8Array(1024);
    inode.read(content, 0);
    seen.add(`${content[0]}${content[512]}`);
  }
  assert.deepEqual(seen, new Set(["11", "12", "21", "22"]));
});

test("of names that were not synced any subset is left, a rename whole or not at all", async () => {
  const seen = new Set<string>();
  for (let seed = 0; seed < 100; seed++) {
    const room = new MachineRoom(seed);
    const machine = room.machine("a");
    const { disk } = room.boot(machine);
    const make = async (): Promise<void> => {
      await disk.makeDirectory("d");
      await disk.syncDirectory("/");
      for (const name of ["kept", "moved", "removed"]) {
        await (await disk.open(`d/${name}`, "create")).writeAndSync([bytes(name)], 0);
      }
      await disk.syncDirectory("d");
      await disk.rename("d/moved", "d/there");
      await disk.remove("d/removed");
      await (await disk.open("d/new", "create")).writeAndSync([bytes("new")], 0);
    };
    await room.until(make());
    assert.deepEqual(machine.disk.files.sort(), ["d/kept", "d/new", "d/there"]);
    machine.crash();
    const left = machine.disk.files.map((path) => path.slice(2)).sort();
    for (const name of left) {
      assert.equal(text(machine.disk.contentOf(`d/${name}`)), name === "there" ? "moved" : name);
    }
    assert.ok(left.includes("kept"));
    assert.notEqual(left.includes("moved"), left.includes("there"));
    seen.add(left.join());
  }
  assert.equal(seen.size, 8);
});

test("a directory that was not synced is lost with all that is inside", async () => {
  const outcomes = new Set<string>();
  for (let seed = 0; seed < 40; seed++) {
    const room = new MachineRoom(seed);
    const machine = room.machine("a");
    const { disk } = room.boot(machine);
    const make = async (): Promise<void> => {
      await disk.makeDirectory("d/e");
      await (await disk.open("d/e/file", "create")).writeAndSync([bytes("x")], 0);
      await disk.syncDirectory("d/e");
    };
    await room.until(make());
    machine.crash();
    const { disk: next } = room.boot(machine);
    outcomes.add(
      await room.until(
        next.list("d/e").then(
          (names) => names.join(),
          (error) => error.code,
        ),
      ),
    );
  }
  assert.deepEqual(outcomes, new Set(["ENOENT", "file"]));
});

test("a kill leaves what was written, also when it was not synced, and of what was under way all, nothing or some pages", async () => {
  const sizes = new Set<number>();
  for (let seed = 0; seed < 60; seed++) {
    const room = new MachineRoom(seed);
    const machine = room.machine("a");
    const { disk } = room.boot(machine);
    const file = await room.until(disk.open("file", "create"));
    await room.until(file.write([bytes("before")], 0));
    let answers = 0;
    const underWay = file.write([new Uint8Array(10_000).fill(0x78)], 6);
    underWay.then(
      () => answers++,
      () => answers++,
    );
    machine.kill();
    const size = machine.disk.contentOf("file").length;
    file.write([bytes("a dead process writes nothing")], 0).then(
      () => answers++,
      () => answers++,
    );
    const next = room.boot(machine);
    await room.timeline.run(1000);
    assert.equal(answers, 0);
    const content = text(machine.disk.contentOf("file"));
    assert.equal(content, "before".padEnd(size, "x"), "what had not happened at the kill never does");
    assert.deepEqual(await room.until(next.disk.list("/")), ["file"]);
    sizes.add(size - 6);
  }
  assert.deepEqual(sizes, new Set([0, 10_000, 4096, 8192]));
});

test("a sync under way when power is lost has happened or not", async () => {
  const outcomes = new Set<boolean>();
  for (let seed = 0; seed < 40; seed++) {
    const room = new MachineRoom(seed);
    const machine = room.machine("a");
    const { disk } = room.boot(machine);
    const file = await room.until(disk.open("file", "create"));
    await room.until(disk.syncDirectory("/"));
    const size = 64 * 512;
    void file.writeAndSync([new Uint8Array(size).fill(7)], 0);
    machine.crash();
    const content = machine.disk.contentOf("file");
    outcomes.add(content.length === size && content.every((byte) => byte === 7));
  }
  assert.deepEqual(outcomes, new Set([false, true]));
});

test("a sync covers what was written before it, not always what came while it was under way", async () => {
  const covered = new Set<boolean>();
  for (let seed = 0; seed < 60; seed++) {
    const room = new MachineRoom(seed);
    const machine = room.machine("a");
    const { disk } = room.boot(machine);
    const file = await room.until(disk.open("file", "create"));
    await room.until(disk.syncDirectory("/"));
    await room.until(file.write([new Uint8Array(512).fill(1)], 0));
    const sync = file.sync();
    machine.disk.latency = { readMs: [0, 0], writeMs: [0, 0], syncMs: [0, 0] };
    void file.write([new Uint8Array(32 * 512).fill(2)], 512);
    await room.until(sync);
    machine.crash();
    const content = machine.disk.contentOf("file");
    assert.ok(content.subarray(0, 512).every((byte) => byte === 1) && content.length >= 512);
    covered.add(content.length === 33 * 512 && content.subarray(512).every((byte) => byte === 2));
  }
  assert.deepEqual(covered, new Set([false, true]));
});

test("a crash at any operation may be ordered from within", async () => {
  const room = new MachineRoom(3);
  const machine = room.machine("a");
  const { disk } = room.boot(machine);
  let writes = 0;
  const work = async (): Promise<void> => {
    const file = await disk.open("file", "create");
    for (;;) {
      await file.writeAndSync([bytes("x")], writes);
      writes++;
    }
  };
  machine.disk.onOperation = (number) => {
    if (number === 20) machine.crash();
  };
  void work();
  await room.timeline.run(1000);
  assert.equal(machine.process, null);
  assert.equal(machine.disk.operations, 20);
  assert.ok(writes >= 8 && writes <= 10, `${writes} writes`);
});
