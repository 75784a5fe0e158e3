/**
 * Random workloads on a disk that loses what it may, with a crash at any operation, life after life: whatever was told
 * to be durable is there, nothing else is, in the order in which it was written.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Entry, SnapshotMeta, Write } from "../consensus/engine.ts";
import { SeededRandom } from "../consensus/random.ts";
import type { GroupStorage, Recovered } from "./storage.ts";
import { after, describeEntries, emptyImage, entriesBehind, type Image, lastOf } from "./testing/history.ts";
import { Machine, membership, type Running, snapshotContent, writeOf } from "./testing/machine.ts";

interface Snapshot {
  /** Writes given before its commit was begun. */
  readonly behind: number;
  readonly meta: SnapshotMeta;
  readonly content: string;
}

/** One group's history since the last start. */
class GroupModel {
  /** Images by write, from the one at the start (0). */
  images: Image[] = [emptyImage];
  /** Published for sure, and those whose commit was begun after it. */
  published: Snapshot | null = null;
  candidates: Snapshot[] = [];
  committed = 0;
  /** The last write that was told to be durable. */
  told = 0;

  get now(): Image {
    return this.images.at(-1) ?? emptyImage;
  }

  /** Checks what a start found, and goes on from it. */
  recovered(found: Recovered, content: string | null, context: string): void {
    const snapshots = [this.published, ...this.candidates];
    const snapshot = snapshots.find((one) => (one?.meta.index ?? 0) === (found.snapshot?.index ?? 0)) ?? null;
    assert.deepEqual(found.snapshot, snapshot?.meta ?? null, `${context}: the snapshot is one that was published`);
    assert.equal(content, snapshot?.content ?? null, `${context}: the snapshot's content`);
    assert.equal(found.untrusted, false, `${context}: ${found.findings.join("; ")}`);
    const seen = describe(found.entries, found.state === null ? null : Buffer.from(found.state).toString());
    const matching = this.images.findLastIndex(
      (image) => describe(entriesBehind(image, snapshot?.meta ?? null), image.state) === seen,
    );
    assert.ok(matching >= this.told, `${context}: write ${this.told} was durable, found is write ${matching}`);
    const behind = snapshot?.behind ?? 0;
    assert.ok(
      matching >= behind,
      `${context}: the snapshot was published behind write ${behind}, found is ${matching}`,
    );
    const base = { index: found.snapshot?.index ?? 0, epoch: found.snapshot?.epoch ?? 0 };
    this.images = [
      { base, entries: found.entries, state: found.state === null ? null : Buffer.from(found.state).toString() },
    ];
    this.told = 0;
    this.published = snapshot && { ...snapshot, behind: 0 };
    this.candidates = [];
    this.committed = Math.max(this.committed, base.index);
  }
}

function describe(entries: readonly Entry[], state: string | null): string {
  return `${state} ${describeEntries(entries)}`;
}

function randomEntry(random: SeededRandom, index: number, epoch: number): Entry {
  const size = random.chance(0.1) ? random.below(6000) : random.chance(0.02) ? 20_000 : random.below(200);
  const kind = random.chance(0.1) ? 3 : 1;
  return { index, epoch, kind, data: kind === 3 ? Buffer.alloc(0) : Buffer.alloc(size, `${epoch}:${index};`) };
}

/** Does one random thing to a group. */
async function act(
  machine: Machine,
  random: SeededRandom,
  group: GroupStorage,
  model: GroupModel,
  running: Running,
  id: number,
): Promise<void> {
  const write = (parts: Partial<Write>): void => {
    const number = model.images.length;
    const made = writeOf(number, parts);
    group.write(made);
    model.images.push(after(model.now, made));
  };
  const last = lastOf(model.now);
  const durable = lastOf(model.images[running.durable.get(id) ?? 0] ?? emptyImage).index;
  // What was agreed on is never truncated.
  model.committed = Math.max(model.committed, Math.min(durable, last.index) - random.below(3));
  const dice = random.below(100);
  if (dice < 60) {
    const epoch = last.epoch + (random.chance(0.1) ? 1 : 0) || 1;
    const first = last.index + 1;
    let truncateFrom: number | null = null;
    let from = first;
    if (random.chance(0.15) && last.index > model.committed) {
      from = first - 1 - random.below(last.index - model.committed);
      truncateFrom = from;
    }
    const term = truncateFrom === null ? epoch : epoch + 1;
    const entries = Array.from({ length: random.below(4) }, (_, at) => randomEntry(random, from + at, term));
    write({ truncateFrom, entries, state: random.chance(0.3) ? Buffer.from(`state ${model.images.length}`) : null });
  } else if (dice < 66) {
    write({ state: Buffer.from(`vote ${model.images.length}`) });
  } else if (dice < 80) {
    // A snapshot of what was agreed on here, or one from a leader that is ahead.
    const here = model.now.entries[random.below(model.now.entries.length)];
    const received = random.chance(0.4);
    const position = received
      ? { index: last.index + 1 + random.below(5), epoch: last.epoch + 1 }
      : here && { index: here.index, epoch: here.epoch };
    if (position === undefined || position.index <= (model.published?.meta.index ?? 0)) return;
    model.committed = Math.max(model.committed, received ? 0 : position.index);
    const snapshot = {
      behind: model.images.length - 1,
      meta: { ...position, membership },
      content: "s".repeat(random.below(3000)) + position.index,
    };
    const writer = await group.beginSnapshot(snapshot.meta);
    await writer.write(Buffer.from(snapshot.content));
    model.candidates.push(snapshot);
    await writer.commit();
    model.published = snapshot;
    model.candidates = [];
    if (received) {
      write({ snapshot: snapshot.meta });
      model.committed = snapshot.meta.index;
    }
  } else if (dice < 90) {
    const upTo = Math.min(model.published?.meta.index ?? 0, lastOf(model.now).index);
    await group.release(upTo - random.below(upTo + 1));
  } else {
    await machine.settle();
  }
}

async function check(running: Running, models: readonly GroupModel[], context: string): Promise<void> {
  for (const [id, model] of models.entries()) {
    const group = running.storage.group(id);
    const content = await snapshotContent(group);
    model.recovered(group.recovered, content?.toString() ?? null, `${context}, group ${id}`);
  }
}

/** One seed: lives of random work, each ended by a crash at a random operation, with crashes during recovery too. */
async function lives(seed: number, count: number): Promise<void> {
  const machine = new Machine(seed);
  const random = new SeededRandom(seed * 7 + 1);
  const models = [new GroupModel(), new GroupModel()];
  for (let life = 0; life < count; life++) {
    const context = `seed ${seed}, life ${life}`;
    const crashAt = machine.disk.operations + 1 + random.below(life % 3 === 2 ? 40 : 250);
    machine.crashAt = crashAt;
    const running = await machine.openOrCrash({ segmentBytes: 4096 + 4096 * random.below(3) });
    if (running === null) continue;
    const checked = await machine.orNever(check(running, models, context).then(() => true));
    if (checked === null) continue;
    let over = false;
    const work = (async () => {
      // The work of a life that is over must not go on in the next one.
      for (let step = 0; step < 120 && !over; step++) {
        const id = random.below(models.length);
        const model = models[id];
        if (model !== undefined) await act(machine, random, running.storage.group(id), model, running, id);
        if (random.chance(0.2)) machine.jump(500);
        if (random.chance(0.3)) for (let ticks = random.below(20); ticks > 0; ticks--) await Promise.resolve();
      }
      if (random.chance(0.5)) {
        await running.storage.close();
        return "closed";
      }
      return "left";
    })();
    // Settling is also a part of the work, so it is over when nothing has happened for a while.
    let ended: string | null = null;
    for (let idle = 0; ended === null && idle < 3; idle++) {
      const before: number = machine.disk.operations;
      ended = await machine.orNever(work);
      if (machine.disk.operations !== before) idle = 0;
    }
    over = true;
    assert.deepEqual(running.failures, [], context);
    for (const [id, model] of models.entries()) {
      model.told = ended === "closed" ? model.images.length - 1 : (running.durable.get(id) ?? 0);
    }
    machine.crashAt = Number.POSITIVE_INFINITY;
    machine.crash();
  }
  const last = await machine.open();
  await check(last, models, `seed ${seed}, at last`);
  await last.storage.close();
}

test("a crash at any operation, in life after life, loses nothing durable and invents nothing (scenarios 39, 46, 48)", async () => {
  for (let seed = 1; seed <= 60; seed++) await lives(seed, 12);
});
