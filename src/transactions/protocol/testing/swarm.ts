/**
 * A random life of a coordinator and its participants from one seed, in virtual time: many transactions, more
 * participants than an exhaustive run can bear. Then the faults end, and all must come to rest.
 *
 * 2PC lives on a network that loses, doubles, delays and parts; 3PC on one that delivers within its timeouts. Both with
 * disks that take time, and crashes at any moment.
 */
import { SeededRandom } from "../../../consensus/random.ts";
import type { ProcessId } from "../machine.ts";
import { wakeAt } from "../machine.ts";
import { bitOf, countOf } from "./history.ts";
import { coordinatorId, type Model, type ModelTimes, type ModelVote, participantIds } from "./model.ts";
import {
  crashed,
  describe,
  type Envelope,
  fed,
  type Host,
  installed,
  type Process,
  type Reaction,
  started,
  synced,
} from "./process.ts";
import { check } from "./properties.ts";
import { threePhaseModel } from "./three-phase-model.ts";
import { twoPhaseModel } from "./two-phase-model.ts";

interface Event {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

interface Actor {
  readonly host: Host;
  process: Process;
  /** Counts lives: what was scheduled in another one is void. */
  life: number;
  /** A write is under way. */
  isWriting: boolean;
  wakesAt: number;
}

/** A message, there and back, and a write at each end, stay well below `answerMs`. */
const times: ModelTimes = { answerMs: 100, patienceMs: 1_000, resendMs: 50 };
const mostDelayMs = 15;
const mostWriteMs = 10;
const faultsForMs = 6_000;
const restsWithinMs = 20_000;
const transactions = 10;
const logLines = 60;

export interface LifeResult {
  /** Null: nothing is wrong. */
  readonly failure: LifeFailure | null;
  readonly committed: number;
  readonly aborted: number;
  readonly crashes: number;
}

export interface LifeFailure {
  readonly property: string;
  readonly message: string;
}

export function runLife(seed: number): LifeResult {
  return new Life(seed).run();
}

class Life {
  readonly #random: SeededRandom;
  readonly #model: Model;
  readonly #actors: readonly Actor[];
  readonly #queue: Event[] = [];
  readonly #log: string[] = [];
  readonly #seed: number;
  readonly #lossRate: number;
  readonly #crashRate: number;
  readonly #voteRates: readonly [yes: number, readOnly: number];
  readonly #isAsynchronous: boolean;
  #now = 0;
  #order = 0;
  #begun = 0;
  #crashes = 0;
  #parted: ReadonlySet<ProcessId> = new Set();
  #failure: LifeFailure | null = null;

  constructor(seed: number) {
    const random = new SeededRandom(seed);
    this.#seed = seed;
    this.#random = random;
    this.#model = random.chance(0.5) ? twoPhaseModel : threePhaseModel;
    this.#isAsynchronous = this.#model === twoPhaseModel;
    this.#lossRate = this.#isAsynchronous && random.chance(0.7) ? random.between(0, 0.4) : 0;
    this.#crashRate = random.chance(0.8) ? random.between(0.01, 0.3) : 0;
    this.#voteRates = [random.between(0.7, 1), random.chance(0.5) ? random.between(0, 0.6) : 0];
    const ids = [coordinatorId, ...participantIds(1 + random.below(6))];
    this.#actors = ids.map((id) => {
      const host = { id, model: this.#model, machine: this.#model.machineOf(id, times) };
      return { host, process: installed(host), life: 0, isWriting: false, wakesAt: Number.POSITIVE_INFINITY };
    });
  }

  run(): LifeResult {
    for (const actor of this.#actors) this.#start(actor);
    for (let at = 0; at < faultsForMs; at += 100) this.#at(at, () => this.#trouble());
    this.#until(faultsForMs);
    this.#parted = new Set();
    for (const actor of this.#actors) if (actor.process.state === null) this.#start(actor);
    this.#until(faultsForMs + restsWithinMs);
    if (this.#failure === null) this.#checkRest();
    const { committed = 0, aborted = 0 } = this.#actors[0]?.process.history ?? {};
    const crashes = this.#crashes;
    return { failure: this.#failure, committed: countOf(committed), aborted: countOf(aborted), crashes };
  }

  get #areFaultsOver(): boolean {
    return this.#now >= faultsForMs;
  }

  #at(at: number, run: () => void): void {
    this.#queue.push({ at, order: this.#order++, run });
  }

  #until(end: number): void {
    while (this.#failure === null) {
      let best = -1;
      for (const [index, { at, order }] of this.#queue.entries()) {
        const first = this.#queue[best];
        if (at < end && (first === undefined || at < first.at || (at === first.at && order < first.order)))
          best = index;
      }
      const [event] = best < 0 ? [] : this.#queue.splice(best, 1);
      if (event === undefined) break;
      this.#now = event.at;
      event.run();
    }
    this.#now = end;
  }

  /** Ten times a second. */
  #trouble(): void {
    const random = this.#random;
    const [coordinator] = this.#actors;
    if (coordinator?.process.state?.phase.name === "idle" && this.#begun < transactions) {
      this.#begun++;
      const participants = this.#actors.slice(1).map(({ host }) => host.id);
      this.#say(`${coordinatorId} begins`);
      this.#react(coordinator, fed(coordinator.host, coordinator.process, { type: "begin", participants }, this.#now));
    }
    if (random.chance(this.#crashRate)) this.#crash();
    if (this.#isAsynchronous && random.chance(0.05)) {
      this.#parted = new Set(this.#actors.filter(() => random.chance(0.4)).map(({ host }) => host.id));
      this.#say(`the network parts: ${[...this.#parted].join(", ")} on one side`);
    }
  }

  #crash(): void {
    const actor = this.#actors[this.#random.below(this.#actors.length)] as Actor;
    if (actor.process.state === null) return;
    // Half of them in the middle of something.
    this.#at(this.#now + (this.#random.chance(0.5) ? this.#random.between(0, 40) : 0), () => {
      if (actor.process.state === null || this.#areFaultsOver) return;
      this.#say(`${actor.host.id} crashes`);
      actor.process = crashed(actor.process, 0);
      actor.life++;
      this.#crashes++;
      actor.isWriting = false;
      // Long enough for the others to notice: 3PC counts on that.
      this.#at(this.#now + this.#random.between(this.#isAsynchronous ? 1 : 3_000, 4_000), () => {
        if (actor.process.state === null) this.#start(actor);
      });
    });
  }

  #start(actor: Actor): void {
    this.#say(`${actor.host.id} starts`);
    this.#react(actor, started(actor.host, actor.process, this.#now));
  }

  #react(actor: Actor, { process, sent, fault }: Reaction): void {
    actor.process = process;
    for (const envelope of sent) this.#send(envelope);
    if (process.pending.length > 0 && !actor.isWriting) this.#write(actor);
    this.#wake(actor);
    if (process.state?.phase.name === "voting") this.#answer(actor, process.state.phase.epoch ?? 0);
    const found = fault ?? check(this.#observations(), false);
    if (found !== null) this.#fail(...found);
  }

  #write(actor: Actor): void {
    const { life } = actor;
    actor.isWriting = true;
    this.#at(this.#now + this.#random.between(0.1, mostWriteMs), () => {
      if (actor.life !== life) return;
      actor.isWriting = false;
      this.#react(actor, synced(actor.host, actor.process));
    });
  }

  #wake(actor: Actor): void {
    const { life, process } = actor;
    const at = process.state === null ? null : wakeAt(process.state);
    if (at === null || at === actor.wakesAt) return;
    actor.wakesAt = at;
    this.#at(Math.max(at, this.#now), () => {
      if (actor.life !== life || actor.wakesAt !== at) return;
      actor.wakesAt = Number.POSITIVE_INFINITY;
      this.#react(actor, fed(actor.host, actor.process, { type: "tick" }, this.#now));
    });
  }

  #answer(actor: Actor, epoch: number): void {
    const { life } = actor;
    const random = this.#random;
    const [yes, readOnly] = this.#voteRates;
    const chosen: ModelVote = !random.chance(yes) ? "no" : random.chance(readOnly) ? "readOnly" : "yes";
    const wanted = this.#model.votes.includes(chosen) ? chosen : "yes";
    this.#at(this.#now + random.between(0, 10), () => {
      const { state, history } = actor.process;
      if (actor.life !== life || state?.phase.name !== "voting" || state.phase.epoch !== epoch) return;
      const vote = (history.asked & bitOf(epoch)) === 0 ? wanted : "no";
      this.#say(`${actor.host.id}'s resource answers ${vote} in epoch ${epoch}`);
      this.#react(actor, fed(actor.host, actor.process, { type: "answered", epoch, vote }, this.#now));
    });
  }

  #send(envelope: Envelope): void {
    const random = this.#random;
    const isLossy = this.#isAsynchronous && !this.#areFaultsOver;
    const copies = isLossy && random.chance(0.1) ? 2 : 1;
    const sender = this.#actors.find(({ host }) => host.id === envelope.from);
    const life = sender?.life;
    for (let copy = 0; copy < copies; copy++) {
      if (isLossy && random.chance(this.#lossRate)) continue;
      const late = isLossy && random.chance(0.05) ? random.between(0, 3_000) : 0;
      this.#at(this.#now + random.between(0.1, mostDelayMs) + late, () => {
        // Of what a process said last before it crashed, some never left.
        if (sender?.life === life || random.chance(0.5)) this.#deliver(envelope);
      });
    }
  }

  #deliver({ from, to, message }: Envelope): void {
    const actor = this.#actors.find(({ host }) => host.id === to);
    if (actor === undefined || actor.process.state === null || this.#parted.has(from) !== this.#parted.has(to)) return;
    this.#say(`${to} takes ${describe(message)} from ${from}`);
    this.#react(actor, fed(actor.host, actor.process, { type: "message", from, message }, this.#now));
  }

  #observations(): Parameters<typeof check>[0] {
    return this.#actors.map(({ host, process }) => ({
      id: host.id,
      history: process.history,
      isIdle: process.state?.phase.name === "idle" && process.pending.length === 0,
    }));
  }

  #checkRest(): void {
    for (const { host, process } of this.#actors) {
      if (process.state?.phase.name === "idle") continue;
      const phase = process.state === null ? "down" : this.#model.phaseOf(process.state);
      return this.#fail("comes to an end", `${host.id} is ${phase} long after the last fault`);
    }
  }

  #say(line: string): void {
    this.#log.push(`${this.#now.toFixed(1).padStart(8)} ${line}`);
    if (this.#log.length > logLines) this.#log.shift();
  }

  #fail(property: string, what: string): void {
    const head = `${what} (seed ${this.#seed}, ${this.#model.name}, ${this.#actors.length - 1} participants)`;
    this.#failure ??= { property, message: `${head}\n${this.#log.join("\n")}` };
  }
}
