/**
 * Coming to rest. First the faults end inside a random healthy quorum while everything else stays broken: whoever asks
 * one of its members must get an answer within a bounded time. Half of it is under load: limits may be drawn so small that
 * a member takes longer for a snapshot than the others for the entries up to the next. Then everything heals, and all
 * members must come to the same state.
 */
import type { Membership } from "../consensus/membership.ts";
import { knownMemberships } from "../consensus/properties/known-memberships.ts";
import { getsOn } from "../consensus/properties/quorum.ts";
import { SeededRandom } from "../consensus/random.ts";
import type { MemberId } from "../environment.ts";
import { byteStringOfText } from "../wire/byte-string.ts";
import { isWatched } from "./checkers/watch-guarantees.ts";
import { putRequest, rangeRequest } from "./clients/kv-client.ts";
import type { Workload } from "./clients/workload.ts";
import type { Nemesis } from "./faults/nemesis.ts";
import type { ClientRequest } from "./history.ts";
import { pendingReasons } from "./pending.ts";
import { fingerprintOf } from "./truth.ts";
import { Line } from "./world/line.ts";
import type { WorldMember } from "./world/member.ts";
import type { World } from "./world/world.ts";

/** Virtual time within which a healthy quorum must answer, and all members must agree. */
const BOUND_MS = 30_000;
const PROBE_AGAIN_MS = 100;
/** A learner serves no such calls, and a cluster without room refuses writes: both have answered. */
const ANSWERS = /learner|database space exceeded/;

/** A question that must be answered. */
interface Probe {
  readonly what: string;
  said: string;
  done: boolean;
}

export class Liveness {
  readonly #world: World;
  readonly #nemesis: Nemesis;
  readonly #workload: Workload;
  readonly #random: SeededRandom;

  constructor(world: World, nemesis: Nemesis, workload: Workload) {
    this.#world = world;
    this.#nemesis = nemesis;
    this.#workload = workload;
    this.#random = new SeededRandom(world.plan.seed ^ 0x6c697665);
  }

  /**
   * Runs both phases; what does not come to pass is a violation.
   * @param healed what else must come to rest when everything is healthy, before the members can
   */
  async run(healed: () => Promise<void> | undefined = () => undefined): Promise<void> {
    const world = this.#world;
    this.#nemesis.end();
    const quorum = this.#chooseQuorum();
    if (quorum !== null) {
      this.#mend(quorum);
      world.trace.note("world", `healthy from now on: ${quorum.map(({ name }) => name).join(", ")}`);
      const open = quorum.flatMap((member) => this.#probe(member));
      world.later(BOUND_MS / 2, () => this.#workload.stop());
      await this.#within(
        () => open.every(({ done }) => done),
        "a healthy quorum answers",
        () => open.filter(({ done }) => !done).map(({ what, said }) => `${what}: ${said}`),
      );
    }
    if (world.violation !== null) return;
    this.#workload.stop();
    this.#nemesis.heal();
    this.#mend(world.members);
    world.trace.note("world", "everything is healthy from now on");
    await healed();
    if (world.violation !== null) return;
    await this.#within(
      () => this.#together(),
      "all members agree in the end",
      () => [],
    );
    if (world.violation !== null) return;
    await this.#within(
      () => this.#untold().length === 0,
      "watchers are told everything",
      () => this.#untold(),
    );
  }

  async #within(holds: () => boolean, property: string, open: () => string[]): Promise<void> {
    const world = this.#world;
    const came = await world.timeline.run(BOUND_MS, () => world.violation !== null || holds());
    if (came) return;
    const lines = [`not within ${BOUND_MS} ms of virtual time`, ...open(), ...pendingReasons(world)];
    world.violated(property, lines.join("\n"));
  }

  /** Voters that suffice under every membership that anybody may go by; null: too many are gone for good. */
  #chooseQuorum(): WorldMember[] | null {
    const world = this.#world;
    const able = world.members.filter(
      (member) => world.takesPart(member) && member.state !== "refusing" && !this.#nemesis.atlas.isDamaged(member),
    );
    const memberships = this.#memberships(able);
    const suffices = (members: readonly WorldMember[]): boolean => {
      const ids = new Set<MemberId>(members.map(({ id }) => id));
      return memberships.every((membership) => getsOn(membership, world.quorums, (id) => ids.has(id)));
    };
    if (!suffices(able)) return null;
    const chosen = [...able];
    for (let attempts = this.#random.below(3); attempts > 0; attempts--) {
      const at = this.#random.below(chosen.length);
      const without = chosen.toSpliced(at, 1);
      if (suffices(without)) chosen.splice(at, 1);
    }
    return chosen;
  }

  /** The committed one, and those that members go by, which may not be committed. */
  #memberships(members: readonly WorldMember[]): Membership[] {
    const { properties, truth } = this.#world.observer;
    const known = [truth.membership];
    for (const { id } of members) {
      const observed = properties.members.get(id);
      if (observed !== undefined) known.push(...knownMemberships(observed.engine));
    }
    return known;
  }

  /** Ends what is wrong with these, and between them. */
  #mend(members: readonly WorldMember[]): void {
    const world = this.#world;
    const { network } = world;
    for (const member of members) {
      const { disk } = member.machine;
      disk.hangs = () => false;
      disk.fails = () => false;
      disk.capacity = Number.POSITIVE_INFINITY;
      disk.unhang();
      world.calmDisk(member);
      member.cutFromClients = false;
      member.machine.rate = 1;
      member.resume();
      member.supervised = true;
      if (member.state === "stopping") member.die(false);
      if (member.state === "down") member.start();
      for (const other of members) {
        if (other !== member) network.heal(member.machine.host, other.machine.host);
      }
    }
    world.mangling = { loss: 0, duplication: 0, delay: 0, maxDelayMs: 0 };
  }

  /** A write and a linearizable read at a member, asked again until they are answered. */
  #probe(member: WorldMember): Probe[] {
    const key = byteStringOfText(`probe/${member.slot}`);
    return [
      this.#ask(member, `a write at ${member.name}`, (id) => ({ type: "put", request: putRequest(key, `#${id}#`) })),
      this.#ask(member, `a linearizable read at ${member.name}`, () => ({ type: "range", request: rangeRequest(key) })),
    ];
  }

  #ask(member: WorldMember, what: string, request: (id: number) => ClientRequest): Probe {
    const world = this.#world;
    const caller = this.#workload.caller();
    const probe = { what, said: "no answer yet", done: false };
    caller.pin(new Line({ timeline: world.timeline, random: this.#random, member, minDelayMs: 0.1, maxDelayMs: 1 }));
    const attempt = (): void => {
      caller.call(request(caller.recorder.nextId), (outcome) => {
        probe.said = outcome.type === "answered" ? "answered" : outcome.message;
        probe.done = outcome.type === "answered" || member.state === "removed" || ANSWERS.test(probe.said);
        if (!probe.done) world.later(PROBE_AGAIN_MS, attempt);
      });
    };
    attempt();
    return probe;
  }

  /** Which watchers still wait, in words. */
  #untold(): string[] {
    const { changes } = this.#world.observer.truth;
    return this.#workload.watchers.flatMap(({ told }, at) => {
      if (told === null) return [`watcher ${at} has no watch`];
      const { watch, revision } = told;
      const missing = changes.findLast((change) => change.events.some((event) => isWatched(event, watch)));
      if (missing === undefined || missing.revision <= revision) return [];
      return [`watcher ${at} at ${watch.member} was told up to ${revision}, not of ${missing.revision}`];
    });
  }

  /** All that take part have applied everything, and have the same state. */
  #together(): boolean {
    const { truth } = this.#world.observer;
    for (const member of this.#world.members) {
      if (!this.#world.takesPart(member) || member.state === "refusing") continue;
      if (!member.serving || member.replica === null) return false;
      const { applied, untrusted } = member.replica.status().engine;
      if (applied !== truth.index || untrusted) return false;
      if (fingerprintOf(member.replica.keyspace) !== truth.fingerprint(truth.index)) return false;
    }
    return true;
  }
}
