/**
 * Sees every step of every engine: feeds the properties that must always hold, the trace, and the cluster's one history.
 */
import type { Effects, Engine, EngineOptions, EngineStart, Input, Status } from "../../consensus/engine.ts";
import type { EngineKind } from "../../consensus/engines.ts";
import { Properties } from "../../consensus/properties/properties.ts";
import type { EngineObserver } from "../../consensus/watched-engine.ts";
import type { MemberId } from "../../environment.ts";
import { Recorder } from "../clients/recorder.ts";
import { Marks } from "../marks.ts";
import type { Trace } from "../trace.ts";
import { describeEntry, fingerprintOf, TruthKeeper } from "../truth.ts";
import type { WorldMember } from "./member.ts";

/** What it needs of the world that it observes. */
export interface ObservedWorld {
  readonly timeline: { readonly now: number };
  readonly trace: Trace;
  byId(id: MemberId): WorldMember | null;
  violated(property: string, message: string): void;
}

/** How much faster or slower than true time a member's clock may run, as a share of it; faults stay within. */
const CLOCK_DRIFT = 0.05;

export class WorldObserver implements EngineObserver {
  readonly truth: TruthKeeper = new TruthKeeper();
  readonly marks: Marks = new Marks();
  readonly properties: Properties;
  readonly recorder: Recorder;
  readonly #world: ObservedWorld;

  constructor(world: ObservedWorld, kind: EngineKind) {
    this.#world = world;
    this.recorder = new Recorder(() => world.timeline.now, CLOCK_DRIFT);
    this.properties = new Properties(kind);
  }

  started(id: MemberId, life: number, start: EngineStart, engine: Engine, options: EngineOptions): void {
    try {
      this.properties.started(id, life, start, engine, options);
    } catch (error) {
      this.#failed(error);
    }
    if (start.untrusted) this.marks.hit("untrusted start");
  }

  stepped(id: MemberId, life: number, input: Input, now: number): void {
    const world = this.#world;
    if (input.type === "message") world.trace.bytes(input.bytes);
    try {
      this.properties.stepped(id, life, input, now);
    } catch (error) {
      this.#failed(error);
    }
    if (input.type === "applied") this.#applied(id, input.index);
  }

  drained(id: MemberId, life: number, effects: Effects, status: Status): void {
    try {
      this.properties.drained(id, life, effects, status);
    } catch (error) {
      this.#failed(error);
    }
    this.marks.effects(effects);
    for (const entry of effects.committed) {
      if (entry.index !== this.truth.index + 1) continue;
      this.truth.committed(entry, this.recorder.moment());
      this.#world.trace.note("truth", `${entry.epoch}/${entry.index} revision ${this.truth.keyspace.revision}`);
      this.#world.trace.say("truth", () => `   ${describeEntry(entry)}`);
    }
  }

  /** A fault took from a member's disk what it had acknowledged. `shows`: what is left tells so. */
  lost(member: WorldMember, shows: boolean): void {
    this.properties.lost(member.id, shows);
  }

  logged(_member: WorldMember, message: string): void {
    this.marks.log(message);
  }

  /** State machine safety: whoever applied the same entries has the same state. */
  #applied(id: MemberId, index: number): void {
    const keyspace = this.#world.byId(id)?.replica?.keyspace;
    const expected = this.truth.fingerprint(index);
    if (keyspace === undefined || expected === null) return;
    const found = fingerprintOf(keyspace);
    if (found === expected) return;
    this.#world.violated(
      "state machine safety",
      `member ${id.toString(16)} has applied ${index}, and its state is "${found}" instead of "${expected}"`,
    );
  }

  #failed(error: unknown): void {
    if (!(error instanceof Error) || error.name !== "SafetyViolation") throw error;
    this.#world.violated(propertyOf(error), error.message);
  }
}

function propertyOf(error: Error): string {
  return "property" in error && typeof error.property === "string" ? error.property : "safety";
}
