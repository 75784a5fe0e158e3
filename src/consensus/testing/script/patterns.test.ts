import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Commands, compilePattern } from "./patterns.ts";

describe("a pattern", () => {
  it("fills its slots; what stands in brackets may be left out", () => {
    const match = compilePattern("crash {member}[ keeping {count} write(s)]");
    assert.deepEqual([match("crash 2")?.member(), match("crash 2")?.has("count")], [2n, false]);
    assert.equal(match("crash 2 keeping 1 write")?.number(), 1);
    assert.equal(match("crash 2 keeping 3 writes")?.number(), 3);
    assert.equal(match("crash 2 keeping"), null);
    assert.equal(match("crash x"), null);
  });

  it("knows members, spans, names and ends of links", () => {
    assert.deepEqual(compilePattern("cut {member} from {members}")("cut 1 from 2, 3")?.members(), [2n, 3n]);
    const wait = compilePattern("wait {span}");
    assert.deepEqual([wait("wait 2.5 s")?.span(), wait("wait 40 ms")?.span(), wait("wait 40")], [2500, 40, null]);
    assert.deepEqual(compilePattern("propose {names} on {member}")("propose x, y on 1")?.names(), ["x", "y"]);
    const hold = compilePattern("hold {from:end} -> {to:end}")("hold 1 -> *");
    assert.deepEqual([hold?.end("from"), hold?.end("to")], [1n, null]);
  });

  it("that cannot be used is refused", () => {
    assert.throws(() => compilePattern("crash {animal}"), /unknown kind of slot animal/);
    assert.throws(() => compilePattern("cut {member} from {member}"), /cannot be used/);
  });
});

describe("commands", () => {
  const heard: string[] = [];
  const commands = new Commands<null>([
    { pattern: "crash {member}", does: "", run: (_, slots) => heard.push(`crash ${slots.member()}`) },
    { pattern: "wait {span}", does: "", run: () => heard.push("wait") },
  ]);

  it("are found by how they read", () => {
    commands.carryOut(null, "crash 2");
    commands.carryOut(null, "wait 1 s");
    assert.deepEqual(heard, ["crash 2", "wait"]);
  });

  it("that do not exist are answered with the nearest ones", () => {
    assert.throws(
      () => commands.carryOut(null, "wait long"),
      /no command reads like this: wait long\n.*\n {4}wait \{span\}$/,
    );
  });
});
