import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { MemberId } from "../environment.ts";
import type { Effects, EngineStart, Input } from "./engine.ts";
import { defaultEngine } from "./testing/cluster.ts";
import { founders } from "./testing/puppets.ts";
import { raftProtocol } from "./testing/raft-protocol.ts";
import { type EngineObserver, watched } from "./watched-engine.ts";

class Notes implements EngineObserver {
  readonly lines: string[] = [];
  readonly effects: Effects[] = [];

  started(id: MemberId, life: number, start: EngineStart): void {
    this.lines.push(`${id} starts life ${life} with ${start.entries.length}`);
  }

  stepped(id: MemberId, life: number, input: Input, now: number): void {
    this.lines.push(`${id}/${life} ${input.type} at ${now}`);
  }

  drained(id: MemberId, life: number, effects: Effects, status: { readonly role: string }): void {
    this.lines.push(`${id}/${life} ${status.role} drained`);
    this.effects.push(effects);
  }
}

const start: EngineStart = { ...raftProtocol.genesis(founders, new Uint8Array(0)), snapshot: null, untrusted: false };
const options = (id: MemberId) => ({ ...defaultEngine, id, seed: 3 });

describe("a watched engine", () => {
  it("does what the engine does, and its owner gets the very effects", () => {
    const notes = new Notes();
    const engine = watched(raftProtocol, notes).create(options(1n), start, 0);
    const plain = raftProtocol.create(options(1n), start, 0);
    for (let now = 0; now < 3000; now += 25) {
      for (const each of [engine, plain]) each.step({ type: "tick" }, now);
      const effects = engine.effects();
      assert.equal(effects, notes.effects.at(-1));
      assert.deepEqual(effects, plain.effects());
    }
    assert.equal(engine.status.role, plain.status.role);
    assert.equal(engine.entryAt(1), start.entries[0]);
  });

  it("tells of each start, input and drain, with the member's life", () => {
    const notes = new Notes();
    const kind = watched(raftProtocol, notes);
    kind.create(options(1n), start, 0).step({ type: "tick" }, 5);
    kind.create(options(2n), start, 0);
    const again = kind.create(options(1n), start, 7);
    again.step({ type: "read", id: 4 }, 8);
    again.effects();
    assert.deepEqual(notes.lines, [
      "1 starts life 1 with 1",
      "1/1 tick at 5",
      "2 starts life 1 with 1",
      "1 starts life 2 with 1",
      "1/2 read at 8",
      "1/2 follower drained",
    ]);
  });
});
