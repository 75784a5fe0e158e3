/** Members that get other peer URLs while one of them is away: whole members in a world without faults of its own. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { encodeCommand } from "../keyspace/command.ts";
import { settle } from "../virtual/testing/settle.ts";
import { drawPlan } from "./plan/draw.ts";
import type { WorldMember } from "./world/member.ts";
import { World } from "./world/world.ts";

/** As an operator moves a member: its URL is changed in the cluster, then it is stopped, and started with the new one. */
async function move(world: World, member: WorldMember): Promise<void> {
  const peerUrl = `http://${member.name}:2390`;
  const { leader } = world;
  const command = encodeCommand({ type: "memberUpdate", id: member.id, peerUrls: [peerUrl] });
  let answer = "";
  leader?.enter(() => leader.replica?.propose(command, ({ type }) => (answer = type)));
  await until(world, () => answer === "done");
  member.supervised = false;
  member.terminate();
  await until(world, () => member.state === "down");
  member.options = { ...member.options, listenPeerUrls: [peerUrl], initialAdvertisePeerUrls: [peerUrl] };
  member.start();
  await until(world, () => member.serving && world.leader !== null && isCaughtUp(world, member));
}

function isCaughtUp(world: World, member: WorldMember): boolean {
  return member.serving && member.replica?.status().engine.applied === world.observer.truth.index;
}

async function until(world: World, holds: () => boolean): Promise<void> {
  const came = await world.timeline.run(20_000, () => world.violation !== null || holds());
  assert.equal(world.violation, null);
  assert.ok(came, `not within 20 s:\n${world.trace.lines.slice(-30).join("\n")}`);
}

suite("members that moved", () => {
  for (const seed of [1, 2]) {
    test(`find one that was away and knows none of their new places (seed ${seed})`, async () => {
      const plan = drawPlan(seed, { members: 3, faults: [] });
      const world = new World({ plan, settle, keepLines: 10_000 });
      const [first, second, absent] = world.members;
      assert.ok(first !== undefined && second !== undefined && absent !== undefined);
      await until(world, () => world.leader !== null && world.members.every((member) => isCaughtUp(world, member)));
      absent.die(false);
      await until(world, () => world.leader !== null && world.leader !== absent);
      for (const member of [first, second]) await move(world, member);
      absent.start();
      await until(world, () => absent.serving && isCaughtUp(world, absent));
      assert.deepEqual(
        absent.replica?.status().connected.toSorted((a, b) => (a < b ? -1 : 1)),
        [first.id, second.id].sort((a, b) => (a < b ? -1 : 1)),
      );
    });
  }
});
