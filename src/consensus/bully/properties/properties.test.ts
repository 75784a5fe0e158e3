/** Each property holds in the lives of sound groups (the swarm shows it), and is seen to be violated where it is. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { BullyStatus } from "../contract.ts";
import { Ranking } from "../members.ts";
import { five } from "../testing/bully-solo.ts";
import { BullyProperties } from "./properties.ts";
import type { ObservedBully } from "./property.ts";

const ranking = new Ranking(five);

function status(id: bigint, now: Partial<BullyStatus> = {}): BullyStatus {
  const none = { leader: 0n, generation: 0, latestGeneration: 0, incarnation: 1, droppedMessages: 0 };
  return { id, role: "listening", ...none, ...now };
}

function leads(id: bigint, generation: number): BullyStatus {
  return status(id, { role: "leader", leader: id, generation, latestGeneration: generation });
}

function follows(id: bigint, leader: bigint, generation: number): BullyStatus {
  return status(id, { role: "follower", leader, generation, latestGeneration: generation });
}

function observed(now: BullyStatus, before: BullyStatus = now, preempt = true): ObservedBully {
  return { before, now, preempt, ranking };
}

function violates(name: string, what: RegExp, run: () => void): void {
  assert.throws(
    run,
    (error) => error instanceof Error && error.message.startsWith(`${name}: `) && what.test(error.message),
  );
}

/** Steps, one after the other; the last one shows the violation. */
function stepped(...members: ObservedBully[]): void {
  const properties = new BullyProperties();
  for (const member of members) properties.stepped(member);
}

function quiet(...members: (BullyStatus | ObservedBully)[]): void {
  new BullyProperties().quiet(members.map((member) => ("now" in member ? member : observed(member))));
}

describe("the properties", () => {
  it("have each a name and a source", () => {
    const { all } = new BullyProperties();
    assert.equal(new Set(all.map(({ name }) => name)).size, all.length);
    assert.ok(all.every(({ name, source }) => name.length > 0 && source.length > 0));
  });

  it("hold where all is well", () => {
    stepped(observed(leads(5n, 2)), observed(follows(1n, 5n, 2)), observed(follows(4n, 5n, 2)));
    quiet(leads(5n, 2), follows(1n, 5n, 2), follows(4n, 5n, 2));
    quiet(leads(3n, 2), follows(1n, 3n, 2));
    quiet(leads(3n, 2), observed(follows(5n, 3n, 2), undefined, false));
    quiet();
  });

  it("generations only grow", () => {
    const name = "generations only grow";
    violates(name, /follows generation 1 after 2/, () => stepped(observed(leads(5n, 1), leads(5n, 2))));
    const forgot = observed(status(1n), status(1n, { latestGeneration: 4 }));
    violates(name, /forgot generation 4/, () => stepped(forgot));
    const late = observed(
      status(1n, { role: "follower", leader: 5n, generation: 3, latestGeneration: 4 }),
      status(1n, { latestGeneration: 4 }),
    );
    violates(name, /follows generation 3, it had heard of 4/, () => stepped(late));
  });

  it("no one follows a lower member", () => {
    const lower = follows(3n, 2n, 1);
    violates("no one follows a lower member", /member 3 follows 2/, () =>
      stepped(observed(leads(2n, 1)), observed(lower)),
    );
    stepped(observed(leads(2n, 1)), observed(lower, lower, false));
  });

  it("only leaders are followed", () => {
    const name = "only leaders are followed";
    violates(name, /follows 5@1, which never led/, () => stepped(observed(follows(1n, 5n, 1))));
    violates(name, /follows 5@2/, () => stepped(observed(leads(5n, 1)), observed(follows(1n, 5n, 2))));
    const torn = status(1n, { role: "leader", leader: 5n });
    violates(name, /leads and follows 5/, () => stepped(observed(torn)));
  });

  it("one leader when quiet", () => {
    violates("one leader when quiet", /member 4 leads beside 5/, () => quiet(leads(5n, 1), leads(4n, 1)));
  });

  it("all follow the highest when quiet", () => {
    const name = "all follow the highest when quiet";
    violates(name, /member 1 follows nobody/, () => quiet(leads(5n, 1), status(1n)));
    violates(name, /member 1 follows another than 5/, () => quiet(leads(5n, 2), follows(1n, 5n, 1)));
    violates(name, /member 2 lets the lower 1 lead/, () => quiet(leads(1n, 1), follows(2n, 1n, 1)));
    violates(name, /member 1 follows 5, which is not there/, () => quiet(follows(1n, 5n, 1), follows(2n, 5n, 1)));
    violates(name, /member 5 is followed and does not lead/, () => quiet(follows(1n, 5n, 1), follows(5n, 5n, 1)));
  });
});
