/** Disk faults as scripts, one to a known scenario of other systems' bug trackers. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { QuorateError } from "../errors.ts";
import { entry, Machine, membership, snapshotContent, takeSnapshot, testIdentity, writeOf } from "./testing/machine.ts";

/** The segment that is written to, and where its content ends. */
function tail(machine: Machine): { path: string; end: number } {
  const path =
    machine.disk.files
      .filter((name) => name.endsWith(".log"))
      .sort()
      .at(-1) ?? "";
  const content = machine.contentOf(path);
  let end = content.length;
  while (end > 0 && content[end - 1] === 0) end--;
  return { path, end };
}

/** A log of `count` writes of one entry each, one sync each; ends without a tail hint. */
async function logOf(machine: Machine, count: number): Promise<number[]> {
  const { storage } = await machine.open();
  const ends: number[] = [];
  for (let index = 1; index <= count; index++) {
    storage.group(0).write(writeOf(index, { entries: [entry(index, 1)] }));
    await machine.settle();
    ends.push(tail(machine).end);
  }
  return ends;
}

function flip(machine: Machine, path: string, at: number): void {
  machine.alter(path, (content) => {
    content[at] = (content[at] ?? 0) ^ 0x10;
  });
}

test("scenario 44: remains of a batch that was being written are dropped, and said", async () => {
  const machine = new Machine(1);
  const [, second = 0] = await logOf(machine, 3);
  const { path, end } = tail(machine);
  machine.crash();
  // Nothing vouches for the third write: no later batch, no hint. Its last sector never made it to the disk.
  machine.alter(path, (content) => content.fill(0, second + 40, end));
  const { storage } = await machine.open({ repairable: false });
  const { recovered } = storage.group(0);
  assert.deepEqual(
    recovered.entries.map(({ index }) => index),
    [1, 2],
  );
  assert.equal(recovered.untrusted, false);
  assert.match(recovered.findings.join(), /dropped a batch that was being written.*\.log at byte \d+/);
  // What was dropped does not come back to life, and what is written in its place is kept.
  storage.group(0).write(writeOf(1, { entries: [entry(3, 2, "another third")] }));
  await storage.close();
  const again = (await machine.open({ repairable: false })).storage.group(0).recovered;
  assert.deepEqual(again.findings, []);
  assert.equal(Buffer.from(again.entries[2]?.data ?? "").toString(), "another third");
});

test("scenario 44: a bad record in front of valid ones is damage, not a torn tail", async () => {
  for (const where of [0, 1, 2]) {
    const machine = new Machine(2);
    const ends = await logOf(machine, 4);
    const { path } = tail(machine);
    machine.crash();
    flip(machine, path, (ends[where] ?? 0) - 70);
    await assert.rejects(machine.open({ repairable: false }), (error: QuorateError) => {
      assert.equal(error.code, "DATA_CORRUPT");
      assert.match(
        error.message,
        /data\/log.*no other member can restore.*\.log at byte \d+.*Nothing was changed.*backup/,
      );
      return true;
    });
    const { recovered } = (await machine.open({ repairable: true })).storage.group(0);
    assert.equal(recovered.untrusted, true);
    assert.equal(recovered.entries.length, where, "entries in front of the damage are handed out");
  }
});

test("scenario 44: damage in a segment that is not the last is never a torn tail", async () => {
  const machine = new Machine(3);
  await logOf(machine, 120);
  const logs = machine.disk.files.filter((name) => name.endsWith(".log")).sort();
  assert.ok(logs.length >= 2, "the log has several segments");
  machine.crash();
  const [first = ""] = logs;
  const content = machine.contentOf(first);
  let end = content.length;
  while (content[end - 1] === 0) end--;
  flip(machine, first, end - 30);
  await assert.rejects(machine.open({ repairable: false }), { code: "DATA_CORRUPT" });
  assert.equal((await machine.open()).storage.group(0).recovered.untrusted, true);
});

test("a rotten last batch is told from a torn one by the tail hint, once that is written", async () => {
  for (const hinted of [false, true]) {
    const machine = new Machine(4);
    const ends = await logOf(machine, 3);
    const { path } = tail(machine);
    if (hinted) {
      await machine.pass(2000);
      await machine.settle();
    }
    machine.crash();
    flip(machine, path, (ends[2] ?? 0) - 70);
    const { recovered } = (await machine.open()).storage.group(0);
    assert.equal(recovered.untrusted, hinted);
    assert.equal(recovered.entries.length, 2);
  }
});

test("a log whose end was lost without a trace is noticed by the tail hint", async () => {
  const machine = new Machine(5);
  const { storage } = await machine.open();
  storage.group(0).write(writeOf(1, { state: Buffer.from("vote") }));
  await storage.close();
  machine.disk.lose(tail(machine).path);
  await assert.rejects(machine.open({ repairable: false }), /ends before a batch that was known to be durable/);
  assert.equal((await machine.open()).storage.group(0).recovered.untrusted, true);
});

test("an engine's promise is kept where it can still be read, also behind damage", async () => {
  const machine = new Machine(6);
  const ends = await logOf(machine, 2);
  machine.crash();
  const { storage } = await machine.open();
  storage.group(0).write(writeOf(1, { state: Buffer.from("voted for 7") }));
  await machine.settle();
  machine.crash();
  const [first = ""] = machine.disk.files.filter((name) => name.endsWith(".log")).sort();
  flip(machine, first, (ends[0] ?? 0) - 70);
  const { recovered } = (await machine.open()).storage.group(0);
  assert.equal(recovered.untrusted, true);
  assert.equal(recovered.entries.length, 0);
  assert.equal(Buffer.from(recovered.state ?? "").toString(), "voted for 7");
});

test("scenario 45: a failed sync poisons the store, however the next one would end", async () => {
  for (const target of [".log", "spare.new", "tail"]) {
    const machine = new Machine(7);
    const running = await machine.open({ segmentBytes: 65536 });
    const group = running.storage.group(0);
    group.write(writeOf(1, { entries: [entry(1, 1)] }));
    await machine.settle();
    let failed = false;
    machine.disk.fails = (operation, path) => {
      if (failed || operation !== "sync" || !path.endsWith(target)) return false;
      failed = true;
      return true;
    };
    if (target === "spare.new") {
      // The spare was made at the start: use it up, so that the next one is.
      for (let index = 2; index <= 4; index++) {
        group.write(writeOf(index, { entries: [entry(index, 1, Buffer.alloc(30_000))] }));
        await machine.settle();
      }
    } else {
      group.write(writeOf(2, { entries: [entry(2, 1)] }));
    }
    await machine.pass(1500);
    await machine.settle();
    assert.ok(failed, `a sync of ${target} failed`);
    assert.equal(running.failures.length, 1, target);
    assert.equal((running.failures[0] as QuorateError).code, "STORAGE_FAILED");
    const told = running.durable.get(0);
    group.write(writeOf(target === "spare.new" ? 5 : 3, { state: Buffer.from("x") }));
    await machine.pass(10_000);
    await machine.settle();
    assert.equal(running.durable.get(0), told, "nothing becomes durable any more");
    await assert.rejects(takeSnapshot(group, { index: 1, epoch: 1, membership }, Buffer.from("s")), {
      code: "STORAGE_FAILED",
    });
    await running.storage.close();
    assert.equal(running.failures.length, 1, "told once");
    const after = await machine.open();
    const last = after.storage.group(0).recovered.entries.at(-1)?.index ?? 0;
    assert.ok(last >= (told ?? 0), "what was told to be durable is there after a restart");
  }
});

test("scenario 45: a snapshot whose sync failed is not published", async () => {
  const machine = new Machine(8);
  const running = await machine.open();
  const group = running.storage.group(0);
  group.write(writeOf(1, { entries: [entry(1, 1)] }));
  await machine.settle();
  machine.disk.fails = (operation, path) => operation === "sync" && path.includes("snapshots/");
  await assert.rejects(takeSnapshot(group, { index: 1, epoch: 1, membership }, Buffer.from("s")), {
    code: "STORAGE_FAILED",
  });
  assert.equal(running.failures.length, 1);
  machine.crash();
  machine.disk.fails = () => false;
  const { recovered } = (await machine.open()).storage.group(0);
  assert.equal(recovered.snapshot, null);
  assert.equal(recovered.entries.length, 1);
});

test("scenario 47: a full disk is told early, writes wait in order, and go on when there is room", async () => {
  const machine = new Machine(9);
  const running = await machine.open({ segmentBytes: 4096 });
  const group = running.storage.group(0);
  group.write(writeOf(1, { entries: [entry(1, 1)] }));
  await machine.settle();
  machine.disk.capacity = machine.disk.used;
  let number = 1;
  const more = (count: number): void => {
    for (let added = 0; added < count; added++) {
      number++;
      group.write(writeOf(number, { entries: [entry(number, 1, Buffer.alloc(300, number))] }));
    }
  };
  // The next segment was made ahead: it still takes writes when no further one can be made.
  for (let step = 0; step < 10 && running.full.length === 0; step++) {
    more(1);
    await machine.settle();
    await machine.pass(1);
  }
  more(1);
  await machine.settle();
  assert.deepEqual(running.full, [true]);
  assert.equal(running.durable.get(0), number, "told while writes still go through: the reserve");
  more(60);
  await machine.settle();
  const stuckAt = running.durable.get(0) ?? 0;
  assert.ok(stuckAt < number, "in the end the reserve is used up");
  await machine.pass(5000);
  await machine.settle();
  assert.equal(running.durable.get(0), stuckAt);
  await assert.rejects(takeSnapshot(group, { index: 1, epoch: 1, membership }, Buffer.alloc(100_000)), {
    code: "DISK_FULL",
    retryable: true,
  });
  assert.deepEqual(running.full, [true]);
  assert.deepEqual(running.failures, []);
  // Room again: everything goes through in order, and it is said.
  machine.disk.capacity = Number.POSITIVE_INFINITY;
  await machine.pass(1100);
  await machine.settle();
  assert.equal(running.durable.get(0), number);
  await machine.pass(1100);
  await machine.settle();
  assert.deepEqual(running.full, [true, false]);
  machine.crash();
  const { recovered } = (await machine.open()).storage.group(0);
  assert.deepEqual(
    recovered.entries.map(({ index }) => index),
    Array.from({ length: number }, (_, at) => at + 1),
  );
});

test("scenario 47: a start on a full disk reads everything, a close drops only what nobody was told of", async () => {
  const machine = new Machine(10);
  await logOf(machine, 20);
  machine.crash();
  machine.disk.lose("data/log/spare");
  machine.disk.capacity = machine.disk.used;
  const running = await machine.open();
  assert.equal(running.storage.group(0).recovered.entries.length, 20);
  running.storage.group(0).write(writeOf(1, { entries: [entry(21, 1)] }));
  await machine.settle();
  assert.deepEqual([running.full, running.durable.get(0)], [[true], undefined]);
  assert.equal(await machine.orNever(running.storage.close().then(() => "closed")), "closed");
  machine.disk.capacity = Number.POSITIVE_INFINITY;
  const again = await machine.open({ repairable: false });
  assert.equal(again.storage.group(0).recovered.entries.length, 20);
  again.storage.group(0).write(writeOf(1, { entries: [entry(21, 2)] }));
  await machine.settle();
  assert.equal(again.durable.get(0), 1);
});

test("scenario 49: a batch written to the wrong place is not taken for good at either place", async () => {
  for (const distance of [4096, -4096, 512, -512]) {
    const machine = new Machine(11);
    const running = await machine.open({ segmentBytes: 65536 });
    const group = running.storage.group(0);
    for (let index = 1; index <= 60; index++) {
      group.write(writeOf(index, { entries: [entry(index, 1, Buffer.alloc(100, index))] }));
      await machine.settle();
    }
    let gone = 0;
    machine.disk.misdirects = (path) =>
      (path.endsWith(".log") || path.endsWith("spare")) && gone++ === 0 ? distance : 0;
    for (let index = 61; index <= 64; index++) {
      group.write(writeOf(index, { entries: [entry(index, 1, Buffer.alloc(100, index))] }));
      await machine.settle();
    }
    assert.ok(gone > 1);
    machine.crash();
    await assert.rejects(machine.open({ repairable: false }), { code: "DATA_CORRUPT" });
    const { recovered } = (await machine.open()).storage.group(0);
    assert.equal(recovered.untrusted, true);
    for (const { index, data } of recovered.entries) assert.ok(Buffer.from(data).equals(Buffer.alloc(100, index)));
    assert.ok(recovered.entries.length <= 60);
  }
});

test("a hung write holds back everything behind it and nothing in front of it", async () => {
  const machine = new Machine(12);
  const running = await machine.open();
  const group = running.storage.group(0);
  group.write(writeOf(1, { entries: [entry(1, 1)] }));
  await machine.settle();
  machine.disk.hangs = (operation, path) => operation === "sync" && path.endsWith(".log");
  group.write(writeOf(2, { entries: [entry(2, 1)] }));
  await machine.settle();
  group.write(writeOf(3, { entries: [entry(3, 1)] }));
  await machine.pass(60_000);
  await machine.settle();
  assert.equal(running.durable.get(0), 1);
  machine.disk.hangs = () => false;
  machine.disk.unhang();
  await machine.settle();
  assert.equal(running.durable.get(0), 3);
});

test("scenario 40: a snapshot that is being read stays readable when newer ones are published, then goes", async () => {
  const machine = new Machine(13);
  const { storage } = await machine.open();
  const group = storage.group(0);
  group.write(writeOf(1, { entries: [1, 2, 3, 4].map((index) => entry(index, 1)) }));
  const contents = [1, 2, 3].map((index) => Buffer.alloc(200_000, index));
  await takeSnapshot(group, { index: 1, epoch: 1, membership }, contents[0] ?? Buffer.of());
  const reader = await group.openSnapshot();
  assert.ok(reader !== null);
  const begun = Buffer.from(await reader.read(0, 1000));
  // Two in quick succession, while the first is being sent.
  await Promise.all([
    takeSnapshot(group, { index: 2, epoch: 1, membership }, contents[1] ?? Buffer.of()),
    takeSnapshot(group, { index: 3, epoch: 1, membership }, contents[2] ?? Buffer.of()),
  ]);
  await group.release(3);
  const rest = Buffer.from(await reader.read(1000, 1_000_000));
  assert.ok(Buffer.concat([begun, rest]).equals(contents[0] ?? Buffer.of()));
  const kept = (): string[] => machine.disk.files.filter((path) => path.includes("snapshots/")).sort();
  assert.deepEqual(
    kept().map((path) => path.slice(-23)),
    ["000000000000001-1.snap", "000000000000003-1.snap"].map((name) => `0${name}`),
  );
  await reader.close();
  await machine.settle();
  assert.equal(kept().length, 1);
  assert.ok((await snapshotContent(group))?.equals(contents[2] ?? Buffer.of()));
});

test("an older snapshot that is finished late does not replace a newer one", async () => {
  const machine = new Machine(14);
  const { storage } = await machine.open();
  const group = storage.group(0);
  group.write(writeOf(1, { entries: [1, 2, 3].map((index) => entry(index, 1)) }));
  const slow = await group.beginSnapshot({ index: 1, epoch: 1, membership });
  await slow.write(Buffer.from("slow"));
  await takeSnapshot(group, { index: 3, epoch: 1, membership }, Buffer.from("fast"));
  await slow.commit();
  assert.equal((await snapshotContent(group))?.toString(), "fast");
  assert.equal(machine.disk.files.filter((path) => path.includes("snapshots/")).length, 1);
  await storage.close();
  assert.equal((await machine.open()).storage.group(0).recovered.snapshot?.index, 3);
});

test("scenario 39: states outlive the segments they were written to", async () => {
  const machine = new Machine(15);
  const { storage } = await machine.open({ segmentBytes: 4096 });
  const group = storage.group(0);
  group.write(writeOf(1, { state: Buffer.from("voted once") }));
  for (let index = 1; index <= 100; index++) {
    group.write(writeOf(index + 1, { entries: [entry(index, 1, Buffer.alloc(200))] }));
    await machine.settle();
  }
  const before = machine.disk.files.filter((path) => path.endsWith(".log")).length;
  await takeSnapshot(group, { index: 100, epoch: 1, membership }, Buffer.from("all"));
  await group.release(100);
  const left = machine.disk.files.filter((path) => path.endsWith(".log")).length;
  assert.ok(before > 4 && left <= 2, `${before} segments before, ${left} after`);
  machine.crash();
  const { recovered } = (await machine.open({ repairable: false })).storage.group(0);
  assert.equal(Buffer.from(recovered.state ?? "").toString(), "voted once");
  assert.deepEqual([recovered.snapshot?.index, recovered.entries.length], [100, 0]);
});

test("a directory of somebody else is refused by name, and left alone", async () => {
  const machine = new Machine(16);
  const first = await machine.open();
  await first.storage.close();
  const others = [
    { ...testIdentity, clusterId: 0xc2n },
    { ...testIdentity, memberId: 0xa2n },
    { ...testIdentity, engine: "zab" },
  ];
  for (const identity of others) {
    await assert.rejects(machine.open({ identity }), (error: QuorateError) => {
      assert.equal(error.code, "DATA_DIR");
      assert.match(
        error.message,
        /^data belongs to member a1 of cluster c1, engine raft; this is member a\d of cluster c\d/,
      );
      return true;
    });
  }
  const own = await machine.open({ identity: null });
  assert.deepEqual(own.storage.identity, testIdentity);
  await assert.rejects(machine.open(), { code: "DATA_DIR", message: /in use/ });
  await own.storage.close();

  const foreign = new Machine(17);
  foreign.disk.place("data/photos/cat.jpg", Buffer.from("miaow"));
  await assert.rejects(foreign.open(), {
    code: "DATA_DIR",
    message: /not empty and not a Quorate.*photos.*empty directory/,
  });
  assert.deepEqual(foreign.disk.files, ["data/photos/cat.jpg"]);
  const empty = new Machine(18);
  await assert.rejects(empty.open({ identity: null }), { code: "DATA_DIR", message: /holds no member's data/ });
});

test("the identity survives in a second copy; without both the data is refused, not taken over", async () => {
  const machine = new Machine(19);
  await logOf(machine, 3);
  machine.crash();
  machine.disk.lose("data/identity");
  const { storage } = await machine.open({ identity: null });
  assert.deepEqual(storage.identity, testIdentity);
  assert.equal(storage.group(0).recovered.entries.length, 3);
  await storage.close();
  assert.ok(machine.disk.files.includes("data/identity"));
  machine.disk.lose("data/identity");
  machine.disk.lose("data/tail");
  await assert.rejects(machine.open(), { code: "DATA_DIR" });
});

test("wrong local use is an assertion: gaps, numbers out of order, snapshots that are not there", async () => {
  const machine = new Machine(20);
  const { storage } = await machine.open();
  const group = storage.group(0);
  group.write(writeOf(1, { entries: [entry(1, 1)] }));
  const wrong = [
    () => group.write(writeOf(3, {})),
    () => storage.group(1).write(writeOf(1, { entries: [entry(2, 1)] })),
    () => storage.group(2).write(writeOf(1, { truncateFrom: 5 })),
    () => storage.group(3).write(writeOf(1, { snapshot: { index: 9, epoch: 1, membership } })),
    () => storage.group(4).write(writeOf(1, { state: new Uint8Array(64 * 1024 * 1024 + 1) })),
    () => storage.group(-1),
    () => group.recovered,
  ];
  for (const use of wrong) assert.throws(use, { name: "InvariantViolation" });
  await assert.rejects(group.release(1), { name: "InvariantViolation" });
});

test("a segment is not removed while its end is being cut off after a start", async () => {
  const machine = new Machine(31);
  const first = await machine.open({ segmentBytes: 4096 });
  for (let index = 1; index <= 60; index++) {
    first.storage.group(0).write(writeOf(index, { entries: [entry(index, 1, Buffer.alloc(200))] }));
    await machine.settle();
  }
  await takeSnapshot(first.storage.group(0), { index: 60, epoch: 1, membership }, Buffer.from("all"));
  await first.storage.close();
  const old = machine.disk.files.filter((path) => path.endsWith(".log")).sort();
  const [oldest = "", last = ""] = [old[0], old.at(-1)];
  assert.ok(old.length >= 2, "the log has several segments");

  const { storage, failures } = await machine.open({ segmentBytes: 4096 });
  const group = storage.group(0);
  machine.disk.hangs = (operation, path) => operation === "remove" && path === oldest;
  const released = group.release(60);
  await machine.settle();
  // The first write of this life makes a new segment, which says where the last one ends: that may be cut there now.
  machine.disk.hangs = (operation, path) => operation === "open" && path === last;
  group.write(writeOf(1, { entries: [entry(61, 1)] }));
  await machine.settle();
  machine.disk.unhang((operation) => operation === "remove");
  await machine.settle();
  assert.ok(machine.disk.files.includes(last), "it is being cut");
  machine.disk.hangs = () => false;
  machine.disk.unhang();
  await released;
  await machine.settle();
  assert.ok(!old.some((path) => machine.disk.files.includes(path)), "and removed when it was");
  await storage.close();
  assert.deepEqual(failures, []);
  const again = (await machine.open({ repairable: false })).storage.group(0).recovered;
  assert.deepEqual([again.findings, again.entries.map(({ index }) => index)], [[], [61]]);
});

test("on a full disk, finishing tells a snapshot that waits for the log, and one that comes later", async () => {
  const machine = new Machine(32);
  const { storage, full } = await machine.open();
  const group = storage.group(0);
  group.write(writeOf(1, { entries: [entry(1, 1)] }));
  await machine.settle();
  const early = await group.beginSnapshot({ index: 1, epoch: 1, membership });
  await early.write(Buffer.from("early"));
  const late = await group.beginSnapshot({ index: 1, epoch: 1, membership });
  await late.write(Buffer.from("late"));
  // No room for anything larger than what is there already, apart from the little that ends a snapshot.
  machine.disk.capacity = machine.disk.used + 5_000;
  group.write(writeOf(2, { entries: [entry(2, 1, Buffer.alloc(100_000))] }));
  await machine.settle();
  assert.deepEqual(full, [true]);
  const waiting = early.commit();
  await machine.settle();
  const finished = storage.finish();
  await assert.rejects(waiting, /closed while the disk was full/);
  await finished;
  await assert.rejects(late.commit(), /closed while the disk was full/);
  await storage.close();
});
