/**
 * Services while the leader is killed: on clusters of each engine, on a real etcd (`QUORATE_TEST_TARGET=etcd`), and on a
 * member in a thread of this process (`embedded`).
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Quorate } from "../../src/coordination/quorate.ts";
import { eventually } from "../support/eventually.ts";
import { ETCD, missing } from "../support/programs.ts";
import { type Surroundings, surroundingsFromEnvironment } from "./surroundings.ts";

const skip = process.env["QUORATE_TEST_TARGET"] === "etcd" && missing(ETCD);

describe("services on a cluster", { skip }, () => {
  let surroundings: Surroundings;

  before(async () => {
    surroundings = await surroundingsFromEnvironment();
  });
  after(() => surroundings?.stop());

  const program = (at: number): Quorate => surroundings.programs[at] as Quorate;

  test("instances come, drain and go, callers follow, and none of it is lost with the leader", async () => {
    const at = (id: string) => ({ service: "shop", id, address: "127.0.0.1", port: 80 });
    const seen: string[] = [];
    const end = new AbortController();
    const watching = (async () => {
      for await (const { instances } of program(0).services.watch("shop", {}, { signal: end.signal })) {
        seen.push(instances.map(({ id }) => id).join(""));
      }
    })();
    await using caller = program(1).services.caller("shop", { policy: "roundRobin", timeoutMs: 60_000 });
    const a = await program(2).services.register(at("a"));
    const asked = await caller.call(async ({ id }) => id);
    assert.equal(asked, "a");

    const b = await surroundings.disturb(
      (async () => {
        const joined = await program(3).services.register(at("b"), { timeoutMs: 60_000 });
        await a.drain("deploy", { timeoutMs: 60_000 });
        return joined;
      })(),
    );
    const sees = (ids: string) =>
      eventually(`the watch sees "${ids}"`, () => assert.equal(seen.at(-1), ids), { withinMs: 60_000 });
    await sees("b");
    await eventually(
      "the caller follows",
      () =>
        assert.deepEqual(
          caller.instances.map(({ id }) => id),
          ["b"],
        ),
      {
        withinMs: 60_000,
      },
    );
    await assert.rejects(program(0).services.register(at("b"), { timeoutMs: 60_000 }), { code: "TAKEN" });
    await program(0).services.maintenance("shop", "b", "disk", { timeoutMs: 60_000 });
    await sees("");
    const all = await program(0).services.instances("shop", { states: "all" }, { timeoutMs: 60_000 });
    assert.deepEqual(
      all.map(({ id, state, reason }) => [id, state, reason]),
      [
        ["a", "draining", "deploy"],
        ["b", "maintenance", "disk"],
      ],
    );
    await program(0).services.resume("shop", "b", { timeoutMs: 60_000 });
    await sees("b");
    await Promise.all([a.release({ timeoutMs: 60_000 }), b.release({ timeoutMs: 60_000 })]);
    await sees("");
    assert.deepEqual([...(await program(1).services.list({ timeoutMs: 60_000 })).keys()], []);
    end.abort();
    await watching;
  });
});
