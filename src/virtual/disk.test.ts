/** What programs may rely on, and what faults do. What a crash leaves is in disk-crash.test.ts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Disk, DiskFile } from "../environment.ts";
import type { VirtualDisk } from "./disk.ts";
import type { VirtualMachine } from "./machine.ts";
import { bytes, MachineRoom, text } from "./testing/machine-room.ts";

interface Bench {
  readonly room: MachineRoom;
  readonly machine: VirtualMachine;
  readonly medium: VirtualDisk;
  readonly disk: Disk;
  readonly until: <T>(promise: Promise<T>) => Promise<T>;
}

function bench(seed = 1): Bench {
  const room = new MachineRoom(seed);
  const machine = room.machine("a");
  const { disk } = room.boot(machine);
  return { room, machine, medium: machine.disk, disk, until: (promise) => room.until(promise) };
}

async function contentOf({ until }: Bench, file: DiskFile): Promise<string> {
  const into = new Uint8Array(await until(file.size()));
  await until(file.read(into, 0));
  return text(into);
}

test("the three ways to open a file", async () => {
  const it = bench();
  const { disk, until } = it;
  await assert.rejects(until(disk.open("file", "read")), { code: "ENOENT" });
  const made = await until(disk.open("file", "create"));
  assert.equal(made.path, "file");
  await until(made.close());
  await assert.rejects(until(disk.open("file", "create")), { code: "EEXIST" });
  const file = await until(disk.open("/file", "write"));
  await until(file.write([bytes("abc")], 2));
  assert.equal(await contentOf(it, file), "\0\0abc");
  for (const bad of [-1, 0.5, Number.NaN]) {
    await assert.rejects(until(file.write([bytes("x")], bad)), { code: "EINVAL" });
    await assert.rejects(until(file.read(bytes("x"), bad)), { code: "EINVAL" });
    await assert.rejects(until(file.truncate(bad)), { code: "EINVAL" });
  }
  await until(file.close());
  await assert.rejects(until(file.write([bytes("x")], 0)), { code: "EBADF" });
  const reader = await until(disk.open("file", "read"));
  await assert.rejects(until(reader.write([bytes("x")], 0)), { code: "EBADF" });
  assert.equal(await until(reader.read(new Uint8Array(10), 5)), 0);
  const into = new Uint8Array(10);
  assert.equal(await until(reader.read(into, 3)), 2);
  assert.equal(text(into.subarray(0, 2)), "bc");
});

test("pieces land one behind the other, files grow and shrink, and holes are zero", async () => {
  const piece = fc.record({ offset: fc.nat(20_000), sizes: fc.array(fc.nat(9_000), { maxLength: 4 }) });
  const cut = fc.record({ truncate: fc.nat(30_000) });
  await fc.assert(
    fc.asyncProperty(fc.integer(), fc.array(fc.oneof(piece, cut), { maxLength: 12 }), async (seed, steps) => {
      const it = bench(seed);
      const file = await it.until(it.disk.open("file", "write"));
      let model = new Uint8Array(0);
      let fill = 0;
      for (const step of steps) {
        if ("truncate" in step) {
          const cutOff = new Uint8Array(step.truncate);
          cutOff.set(model.subarray(0, step.truncate));
          model = cutOff;
          await it.until(file.truncate(step.truncate));
        } else {
          const pieces = step.sizes.map((size) => new Uint8Array(size).fill(++fill));
          const size = step.sizes.reduce((sum, one) => sum + one, 0);
          if (size > 0) {
            const grown = new Uint8Array(Math.max(model.length, step.offset + size));
            grown.set(model);
            let at = step.offset;
            for (const one of pieces) {
              grown.set(one, at);
              at += one.length;
            }
            model = grown;
          }
          const write = fill % 2 === 0 ? file.write(pieces, step.offset) : file.writeAndSync(pieces, step.offset);
          await it.until(write);
        }
      }
      assert.deepEqual(it.medium.contentOf("file"), model);
      assert.equal(await it.until(file.size()), model.length);
      assert.equal(it.medium.used, model.length);
    }),
    { numRuns: 100 },
  );
});

test("directories: list is sorted, rename replaces, remove takes all that is inside and forgives what is missing", async () => {
  const { disk, until, medium } = bench();
  await until(disk.makeDirectory("/d/a/b"));
  for (const name of ["z", "m", "a/b/inner"]) {
    const file = await until(disk.open(`d/${name}`, "create"));
    await until(file.write([bytes(name)], 0));
  }
  assert.deepEqual(await until(disk.list("d")), ["a", "m", "z"]);
  assert.deepEqual(await until(disk.list("/")), ["d"]);
  await until(disk.rename("d/z", "d/m"));
  await until(disk.syncDirectory("d"));
  assert.deepEqual(medium.files, ["d/a/b/inner", "d/m"]);
  assert.equal(text(medium.contentOf("d/m")), "z");
  assert.equal(medium.used, 1 + "a/b/inner".length);
  await until(disk.remove("d/a"));
  await until(disk.remove("d/never"));
  await until(disk.remove("no/such/place"));
  assert.deepEqual(await until(disk.list("d")), ["m"]);
  assert.equal(medium.used, 1);
  await assert.rejects(until(disk.syncDirectory("d/a")), { code: "ENOENT" });
  await assert.rejects(until(disk.list("d/m")), { code: "ENOTDIR" });
  await assert.rejects(until(disk.open("d", "read")), { code: "EISDIR" });
  await assert.rejects(until(disk.rename("d/gone", "d/x")), { code: "ENOENT" });
  await assert.rejects(until(disk.rename("d/m", "m")), { code: "EXDEV" });
  await assert.rejects(until(disk.open("no/file", "write")), { code: "ENOENT" });
  await assert.rejects(until(disk.open("d/../file", "write")), { code: "EINVAL" });
});

test("a file that was removed can be used while it is open, and takes no room", async () => {
  const it = bench();
  const { disk, until, medium } = it;
  const file = await until(disk.open("file", "create"));
  await until(file.write([bytes("abc")], 0));
  await until(disk.remove("file"));
  await until(file.write([bytes("def")], 3));
  assert.equal(await contentOf(it, file), "abcdef");
  assert.equal(medium.used, 0);
  assert.deepEqual(medium.files, []);
});

test("a directory is locked for one process until it releases it or dies", async () => {
  const { room, machine, disk, until } = bench();
  await until(disk.makeDirectory("d"));
  const lock = await until(disk.lock("d"));
  await assert.rejects(until(disk.lock("/d/")), { code: "EBUSY" });
  await lock.release();
  await until(disk.lock("d"));
  machine.kill();
  const next = room.boot(machine);
  await until(next.disk.lock("d"));
  await lock.release();
  await assert.rejects(until(next.disk.lock("d")), { code: "EBUSY" });
});

test("operations take the time that is set, and overtake each other", async () => {
  const { disk, until, medium, room } = bench();
  const file = await until(disk.open("file", "create"));
  medium.latency = { readMs: [1, 1], writeMs: [2, 3], syncMs: [10, 10] };
  const timed = async (work: () => Promise<unknown>): Promise<number> => {
    const start = room.timeline.now;
    await until(work());
    return room.timeline.now - start;
  };
  assert.equal(await timed(() => file.size()), 1);
  const write = await timed(() => file.write([bytes("x")], 0));
  assert.ok(write >= 2 && write < 3);
  assert.equal(await timed(() => file.sync()), 10);
  assert.equal(await timed(() => file.writeAndSync([bytes("x")], 0)), 10, "a small batch is written in the call");
  const large = await timed(() => file.writeAndSync([new Uint8Array(100_000)], 0));
  assert.ok(large >= 12 && large < 13);
  const orders = new Set<string>();
  for (let round = 0; round < 20; round++) {
    const order: number[] = [];
    const writes = [0, 1, 2].map((at) => file.write([bytes("y")], at).then(() => order.push(at)));
    await until(Promise.all(writes));
    orders.add(order.join());
  }
  assert.ok(orders.size > 1, [...orders].join(" "));
  medium.latency = { readMs: [0, 0], writeMs: [0, 0], syncMs: [0, 0] };
  assert.equal(await timed(() => file.writeAndSync([bytes("x")], 0)), 0);
});

test("while a write is under way a reader sees nothing of it, all of it, or some pages", async () => {
  const seen = new Set<number>();
  for (let seed = 0; seed < 60; seed++) {
    const { disk, until, medium } = bench(seed);
    const file = await until(disk.open("file", "create"));
    const write = file.write([new Uint8Array(10_000).fill(1)], 0);
    const written = medium.contentOf("file");
    assert.ok(written.every((byte) => byte === 1));
    seen.add(written.length);
    await until(write);
    assert.equal(medium.contentOf("file").length, 10_000);
  }
  assert.deepEqual(seen, new Set([0, 10_000, 4096, 8192]));
});

test("a full disk refuses what does not fit, may have written a part, and takes it when there is room", async () => {
  const { disk, until, medium } = bench();
  const file = await until(disk.open("file", "create"));
  await until(file.writeAndSync([new Uint8Array(1000)], 0));
  medium.capacity = medium.used + 500;
  for (const write of ["write", "writeAndSync"] as const) {
    await assert.rejects(until(file[write]([new Uint8Array(1000)], 1000)), { code: "ENOSPC" });
    assert.ok(medium.used >= 1000 && medium.used <= medium.capacity);
    assert.equal(medium.used, medium.contentOf("file").length);
  }
  await until(file.write([new Uint8Array(1000)], 0));
  medium.capacity = Number.POSITIVE_INFINITY;
  await until(file.writeAndSync([new Uint8Array(1000)], 1000));
  assert.equal(medium.used, 2000);
  medium.capacity = 2000;
  await until(file.truncate(100));
  await until(file.write([new Uint8Array(1900)], 100));
  assert.equal(medium.used, 2000);
});

test("a failed operation rejects with EIO, and a failed sync has lost what was not durable", async () => {
  const { disk, until, medium, machine } = bench();
  const file = await until(disk.open("file", "create"));
  await until(disk.syncDirectory("/"));
  await until(file.writeAndSync([new Uint8Array(600).fill(1)], 0));
  const failed: string[] = [];
  medium.fails = (operation, path) => {
    failed.push(`${operation} ${path}`);
    return operation === "sync";
  };
  await assert.rejects(until(file.writeAndSync([new Uint8Array(600).fill(2)], 0)), { code: "EIO", message: /file/ });
  assert.deepEqual(failed, ["write file", "sync file"]);
  medium.fails = () => false;
  await until(file.sync());
  assert.equal(medium.contentOf("file")[0], 2, "the page cache has it still");
  machine.crash();
  assert.ok(
    medium.contentOf("file").every((byte) => byte === 1),
    "the sync behind the failed one had nothing to do",
  );
});

test("what hangs goes on when it is let go, and nothing happens before", async () => {
  const { disk, until, medium, room } = bench();
  const file = await until(disk.open("file", "create"));
  medium.hangs = (operation) => operation === "write";
  let isDone = false;
  const write = file.write([bytes("abc")], 0).then(() => {
    isDone = true;
  });
  await room.timeline.run(10_000);
  assert.equal(isDone, false);
  assert.equal(medium.contentOf("file").length, 0);
  medium.hangs = () => false;
  medium.unhang();
  await until(write);
  assert.equal(text(medium.contentOf("file")), "abc");
});

test("a write that goes astray lands elsewhere and says it went well", async () => {
  const { disk, until, medium } = bench();
  const file = await until(disk.open("file", "create"));
  medium.misdirects = (path, offset) => (path === "file" && offset === 0 ? 1024 : 0);
  await until(file.writeAndSync([bytes("abc")], 0));
  assert.equal(text(medium.contentOf("file").subarray(1024)), "abc");
  assert.equal(medium.contentOf("file")[0], 0);
});

test("the medium can be changed behind everybody's back", async () => {
  const { disk, until, medium, machine } = bench();
  medium.place("d/e/file", bytes("abcdef"));
  const other = Buffer.from("xyz");
  medium.place("d/other", other);
  other.fill(0);
  assert.deepEqual(await until(disk.list("d")), ["e", "other"]);
  medium.alter("d/e/file", (content) => content.fill(0x2e, 1, 3));
  machine.crash();
  assert.equal(text(medium.contentOf("d/e/file")), "a..def");
  assert.equal(text(medium.contentOf("d/other")), "xyz");
  medium.lose("d/e");
  assert.deepEqual(medium.files, ["d/other"]);
  assert.equal(medium.used, 3);
  assert.throws(() => medium.contentOf("d/e/file"), /no file d\/e\/file/);
});

test("each step of an operation is counted and told, by the name its file has now", async () => {
  const { disk, until, medium } = bench();
  const seen: string[] = [];
  const file = await until(disk.open("old", "create"));
  await until(disk.rename("old", "new"));
  medium.onOperation = (number, operation, path) => seen.push(`${number} ${operation} ${path}`);
  const before = medium.operations;
  await until(file.writeAndSync([bytes("x")], 0));
  await until(disk.syncDirectory("/"));
  assert.deepEqual(seen, [`${before + 1} write new`, `${before + 2} sync new`, `${before + 3} sync `]);
});
