import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createMembership } from "../membership.ts";
import { SimDisk } from "./sim-disk.ts";
import { command } from "./solo.ts";

describe("a simulated disk", () => {
  it("keeps what a snapshot covers until the writes that replace what lies behind it are done", () => {
    const disk = new SimDisk();
    const wrong = [1, 2, 3].map((index) => command(1, index));
    disk.begin({ number: 1, snapshot: null, truncateFrom: null, entries: wrong, state: null });
    disk.complete(1);
    const right = [command(2, 2), command(2, 3)];
    disk.begin({ number: 2, snapshot: null, truncateFrom: 2, entries: right, state: null });
    disk.publish({ meta: { index: 2, epoch: 2, membership: createMembership([1n]) }, hash: 7 });
    disk.release(2);
    const crashed = Object.assign(new SimDisk(), { entries: [...disk.entries], snapshot: disk.snapshot });
    assert.deepEqual(crashed.open().entries, []);
    disk.complete(2);
    assert.deepEqual(disk.open().entries, [command(2, 3)]);
  });
});
