/**
 * Damage to what was durable: bits that rot, sectors that turn to zeros or to noise, files cut short or lost. What is
 * handed out as good is good and complete; otherwise the group is untrusted, or, where nobody could repair it, the store
 * refuses to open and changes nothing.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Entry, Write } from "../consensus/engine.ts";
import { SeededRandom } from "../consensus/random.ts";
import type { QuorateError } from "../errors.ts";
import { after, describeEntries, emptyImage, entriesBehind, type Image, lastOf } from "./testing/history.ts";
import { entry, Machine, membership, snapshotContent, takeSnapshot, writeOf } from "./testing/machine.ts";

type Files = ReadonlyMap<string, Buffer>;

interface Written {
  readonly files: Files;
  /** Of each group, after each write. */
  readonly images: readonly (readonly Image[])[];
  readonly snapshots: readonly ({ index: number; epoch: number } | null)[];
}

/** A directory with a few segments and snapshots of two groups, closed cleanly after two lives. */
async function write(seed: number): Promise<Written> {
  const machine = new Machine(seed);
  const random = new SeededRandom(seed + 99);
  const images: Image[][] = [[emptyImage], [emptyImage]];
  const snapshots: ({ index: number; epoch: number } | null)[] = [null, null];
  for (let life = 0; life < 2; life++) {
    const { storage } = await machine.open({ segmentBytes: 4096 });
    const numbers = [0, 0];
    for (let step = 0; step < 40; step++) {
      const id = random.below(2);
      const group = storage.group(id);
      const history = images[id] ?? [];
      const image = history.at(-1) ?? emptyImage;
      const last = lastOf(image);
      const covered = snapshots[id]?.index ?? 0;
      const truncateFrom = random.chance(0.1) && last.index > covered ? last.index : null;
      const from = truncateFrom ?? last.index + 1;
      const epoch = last.epoch + (truncateFrom !== null || last.epoch === 0 ? 1 : 0);
      const entries: Entry[] = [];
      for (let at = 0; at < random.below(4); at++) {
        entries.push(entry(from + at, epoch, Buffer.alloc(random.below(400), `${epoch}.${from + at};`)));
      }
      const state = random.chance(0.3) ? Buffer.from(`state ${life}.${step}`) : null;
      numbers[id] = (numbers[id] ?? 0) + 1;
      const made: Write = writeOf(numbers[id] ?? 0, { truncateFrom, entries, state });
      group.write(made);
      history.push(after(image, made));
      if (random.chance(0.5)) await machine.settle();
      if (step % 17 === 16) {
        const { index, epoch: at } = lastOf(history.at(-1) ?? emptyImage);
        if (index > covered) {
          await takeSnapshot(
            group,
            { index, epoch: at, membership },
            Buffer.alloc(random.below(150_000), `snap ${id}`),
          );
          snapshots[id] = { index, epoch: at };
        }
        if (random.chance(0.5)) await group.release(Math.min(index, snapshots[id]?.index ?? 0));
      }
    }
    await storage.close();
  }
  const files = new Map(machine.disk.files.map((path) => [path, machine.contentOf(path)]));
  return { files, images, snapshots };
}

function machineWith(files: Files, seed: number): Machine {
  const machine = new Machine(seed);
  for (const [path, content] of files) machine.disk.place(path, content);
  return machine;
}

function filesOf(machine: Machine): Map<string, string> {
  return new Map(machine.disk.files.map((path) => [path, machine.contentOf(path).toString("base64")]));
}

type Damage = (machine: Machine, random: SeededRandom) => string;

/** A place in a file, more often near a change in its content than in the zeros that fill segments. */
function somewhere(machine: Machine, random: SeededRandom): { path: string; at: number } {
  const files = machine.disk.files.filter((path) => !path.endsWith("spare"));
  for (;;) {
    const path = files[random.below(files.length)] ?? "";
    const content = machine.contentOf(path);
    const at = random.below(content.length);
    if (content[at] !== 0 || random.chance(0.05)) return { path, at };
  }
}

const damages: Record<string, Damage> = {
  "a bit": (machine, random) => {
    const { path, at } = somewhere(machine, random);
    const bit = random.below(8);
    machine.alter(path, (content) => {
      content[at] = (content[at] ?? 0) ^ (1 << bit);
    });
    return `bit ${bit} of byte ${at} in ${path}`;
  },
  "a sector of zeros": (machine, random) => {
    const { path, at } = somewhere(machine, random);
    const sector = Math.floor(at / 512) * 512;
    machine.alter(path, (content) => content.subarray(sector, sector + 512).fill(0));
    return `zeros at ${sector} in ${path}`;
  },
  "a page of noise": (machine, random) => {
    const { path, at } = somewhere(machine, random);
    const page = Math.floor(at / 4096) * 4096;
    const noise = Buffer.from(Array.from({ length: 4096 }, () => random.below(256)));
    machine.alter(path, (content) => noise.copy(content, page));
    return `noise at ${page} in ${path}`;
  },
  "a sector that belongs elsewhere": (machine, random) => {
    const from = somewhere(machine, random);
    const to = somewhere(machine, random);
    const sector = Math.floor(from.at / 512) * 512;
    const bytes = machine.contentOf(from.path).subarray(sector, sector + 512);
    const target = Math.floor(to.at / 512) * 512;
    machine.alter(to.path, (content) => bytes.copy(content, target));
    return `${from.path} ${sector} written over ${to.path} ${target}`;
  },
  "a file cut short": (machine, random) => {
    const { path, at } = somewhere(machine, random);
    const content = machine.contentOf(path);
    machine.disk.lose(path);
    machine.disk.place(path, content.subarray(0, at));
    return `${path} cut at ${at}`;
  },
  "a lost file": (machine, random) => {
    const { path } = somewhere(machine, random);
    machine.disk.lose(path);
    return `${path} lost`;
  },
};

async function tryDamage(written: Written, kind: string, damage: Damage, seed: number): Promise<"whole" | "untrusted"> {
  const context = (): string => `${kind}, seed ${seed}: ${what}`;
  const machine = machineWith(written.files, seed);
  const what = damage(machine, new SeededRandom(seed));

  // Alone, a member must refuse, and leave everything as it is.
  const damaged = filesOf(machine);
  const alone = await machine.open({ repairable: false }).catch((error: QuorateError) => error);
  const refused = alone instanceof Error;
  if (refused) {
    assert.match(String(alone.code), /^DATA_(CORRUPT|DIR)$/, `${context()}: ${alone.stack}`);
    assert.deepEqual(filesOf(machine), damaged, `${context()}: a refusal changes nothing`);
  }
  const copy = machineWith(new Map([...damaged].map(([path, text]) => [path, Buffer.from(text, "base64")])), seed);
  let running: Awaited<ReturnType<Machine["open"]>>;
  try {
    running = await copy.open({ repairable: true });
  } catch (error) {
    // Only where it is not even known whose directory this is.
    assert.ok(refused, `${context()}: refused with peers, not without: ${(error as Error).message}`);
    assert.match((error as Error).message, /identity/, context());
    return "untrusted";
  }
  let untrusted = false;
  for (const [id, images] of written.images.entries()) {
    const group = running.storage.group(id);
    const { recovered } = group;
    untrusted ||= recovered.untrusted;
    const snapshot = written.snapshots[id] ?? null;
    if (recovered.snapshot !== null) {
      assert.deepEqual(recovered.snapshot, { ...snapshot, membership }, context());
      const content = await snapshotContent(group);
      assert.ok(content?.equals(Buffer.alloc(content.length, `snap ${id}`)), `${context()}: snapshot content`);
    }
    const seen = describeEntries(recovered.entries);
    const image = images.findIndex((one) => describeEntries(entriesBehind(one, recovered.snapshot)) === seen);
    if (recovered.untrusted) {
      assert.ok(recovered.findings.length > 0, context());
      assert.ok(image >= 0 || recovered.entries.length === 0, `${context()}: never anything that was not there`);
      const state = recovered.state === null ? null : Buffer.from(recovered.state).toString();
      assert.ok(
        images.slice(Math.max(0, image)).some((one) => one.state === state),
        `${context()}: state ${state}`,
      );
    } else {
      // Complete, also where a damaged snapshot made it go back to a log that was not released yet.
      assert.equal(seen, describeEntries(entriesBehind(images.at(-1) ?? emptyImage, recovered.snapshot)), context());
      assert.equal(Buffer.from(recovered.state ?? "").toString(), images.at(-1)?.state ?? "", context());
    }
  }
  assert.equal(refused, untrusted, `${context()}: alone it is refused if and only if with peers it is untrusted`);
  await staysUntrusted(copy, running, context());
  return untrusted ? "untrusted" : "whole";
}

/** A loss is remembered over further lives, until the engine says that it is made good. */
async function staysUntrusted(
  machine: Machine,
  running: Awaited<ReturnType<Machine["open"]>>,
  context: string,
): Promise<void> {
  const groups = [0, 1];
  const untrusted = groups.map((id) => running.storage.group(id).recovered.untrusted);
  const lasts = groups.map((id) => {
    const { entries, snapshot } = running.storage.group(id).recovered;
    return entries.at(-1) ?? snapshot ?? { index: 0, epoch: 0 };
  });
  const goOn = async (storage: typeof running.storage, trust: boolean): Promise<void> => {
    for (const id of groups) {
      const last = lasts[id] ?? { index: 0, epoch: 0 };
      const next = entry(last.index + 1, last.epoch + 1, "next");
      if (trust) storage.group(id).markTrusted();
      storage.group(id).write(writeOf(1, { entries: [next] }));
      lasts[id] = next;
    }
    await machine.settle();
    machine.crash();
  };
  await goOn(running.storage, false);
  const second = (await machine.open()).storage;
  const found = groups.map((id) => second.group(id).recovered);
  assert.deepEqual(
    found.map((group) => group.untrusted),
    untrusted,
    `${context}: after another start`,
  );
  assert.deepEqual(
    found.map((group) => group.entries.at(-1)?.index),
    lasts.map(({ index }) => index),
    context,
  );
  await goOn(second, true);
  const third = (await machine.open()).storage;
  for (const id of groups) assert.equal(third.group(id).recovered.untrusted, false, `${context}: made good`);
  await third.close();
}

for (const [kind, damage] of Object.entries(damages)) {
  test(`${kind}: what is handed out as good is good and complete, or the loss is told`, async () => {
    const outcomes = { whole: 0, untrusted: 0 };
    for (let seed = 1; seed <= 6; seed++) {
      const written = await write(seed);
      for (let trial = 0; trial < 15; trial++) outcomes[await tryDamage(written, kind, damage, seed * 1000 + trial)]++;
    }
    assert.ok(outcomes.untrusted > 10, `the damage was felt: ${JSON.stringify(outcomes)}`);
  });
}
