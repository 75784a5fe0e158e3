/** Carries out the faults of a plan, each when its time has come, and ends those that last. */
import { SeededRandom } from "../../consensus/random.ts";
import type { WorldMember } from "../world/member.ts";
import type { World } from "../world/world.ts";
import { Atlas } from "./atlas.ts";
import { damageFile, loseFile, misdirectWrite } from "./damage.ts";
import { describeFault, type Fault } from "./fault.ts";
import { Operator } from "./operator.ts";

/** Messages are late by up to this, in elections, when they are mangled. */
const MANGLE_DELAY_ELECTIONS = 1.5;
/** A process whose disk is to be damaged ends in peace so often, if it can within this time. */
const PEACEFUL_CHANCE = 0.4;
const PEACE_MS = 200;
/** Between two times that a firewall forgets. */
const FORGETS_WITHIN_MS = 20;
/** Voters and learners that a run may add to those it began with. */
const MOST_ADDED = 3;

export class Nemesis {
  readonly atlas: Atlas;
  readonly operator: Operator;
  readonly #world: World;
  readonly #random: SeededRandom;
  /** How many faults of each kind began. */
  readonly begun: Map<string, number> = new Map();
  /** What undoes the faults that last, in the order in which they began. */
  readonly #lasting = new Set<() => void>();
  #added = 0;
  #over = false;

  constructor(world: World) {
    this.#world = world;
    this.#random = new SeededRandom(world.plan.seed ^ 0x6e656d65);
    this.atlas = new Atlas(world);
    this.operator = new Operator(world);
  }

  /** Plans all faults. */
  start(): void {
    for (const fault of this.#world.plan.faults) {
      this.#world.timeline.at(fault.at, () => {
        if (!this.#over && this.#world.violation === null) this.#begin(fault);
      });
    }
  }

  /** No fault begins any more; those that last go on. */
  end(): void {
    this.#over = true;
    this.operator.retire();
  }

  /** Ends all faults that last. */
  heal(): void {
    for (const undo of this.#lasting) undo();
  }

  #begin(fault: Fault): void {
    const member = this.#resolve(fault);
    if (member === null || member.state === "removed") return;
    const other = this.#world.members[fault.other] ?? member;
    this.#world.trace.note("nemesis", `${describeFault(fault)}: ${member.name}`);
    if (this.#strike(fault, member, other)) this.begun.set(fault.kind, (this.begun.get(fault.kind) ?? 0) + 1);
  }

  #resolve({ target }: Fault): WorldMember | null {
    const { members, leader } = this.#world;
    if (typeof target === "number") return members[target] ?? null;
    if (target === "leader") return leader;
    const followers = members.filter((member) => member !== leader && member.state !== "removed");
    return followers[this.#random.below(Math.max(1, followers.length))] ?? null;
  }

  /** False: it could not be done, or must not be. */
  #strike(fault: Fault, member: WorldMember, other: WorldMember): boolean {
    const { forMs, amount } = fault;
    const { members, network } = this.#world;
    const { machine } = member;
    switch (fault.kind) {
      case "partition":
      case "oneWayPartition":
        return this.#lasts(forMs, this.#partition(amount, fault.kind === "oneWayPartition"));
      case "isolate":
        return this.#lasts(forMs, this.#isolate(member));
      case "cutLink":
        return other !== member && this.#lasts(forMs, this.#block([[member, other]]));
      case "flapping":
        return this.#flap(member, amount, forMs);
      case "slowLink":
      case "cloggedLink":
        return other !== member && this.#lasts(forMs, this.#hinder(fault.kind, member, other, amount));
      case "resetLinks":
        for (const peer of members) if (peer !== member) network.reset(machine.host, peer.machine.host);
        return true;
      case "forgottenLinks":
        return this.#forget(member, forMs);
      case "mangle":
        return this.#lasts(forMs, this.#mangle(amount));
      case "clientCut":
        return this.#lasts(forMs, this.#cutFromClients(member));
      case "kill":
      case "crash":
        return this.#down([member], fault.kind === "crash", forMs);
      case "crashAll":
        return this.#down(members, true, forMs);
      case "crashLoop":
        return this.#crashLoop(member, forMs);
      case "stop":
        return this.#stop(member, forMs);
      case "pause":
        return this.#pause(member, forMs);
      case "migrate":
        return this.#pause(member, forMs) && this.#lasts(forMs + amount, this.#isolate(member));
      case "slowDisk":
        machine.disk.latency = { readMs: [0, amount], writeMs: [0, amount], syncMs: [amount / 2, amount] };
        return this.#lasts(forMs, () => this.#world.calmDisk(member));
      case "hangingDisk":
        return this.#hang(member, forMs);
      case "fullDisk":
        machine.disk.capacity = machine.disk.used + amount;
        return this.#lasts(forMs, () => {
          machine.disk.capacity = Number.POSITIVE_INFINITY;
        });
      case "failingSync":
        return this.#failSync(member);
      case "bitRot":
      case "lostFile":
        return this.#damage(fault, member);
      case "misdirectedWrite":
        return this.#misdirect(member, amount);
      case "clockRate":
        machine.rate = amount;
        return this.#lasts(forMs, () => {
          machine.rate = 1;
        });
      case "wallClock":
        machine.wallShiftMs = amount;
        return true;
      case "transfer":
        this.operator.transfer(member);
        return true;
      default:
        return this.#operate(fault, member);
    }
  }

  /** What needs the operator. One thing at a time. */
  #operate(fault: Fault, member: WorldMember): boolean {
    const { operator, atlas } = this;
    if (operator.busy) return false;
    const done = (): void => {
      operator.busy = false;
    };
    switch (fault.kind) {
      case "addLearner":
      case "addVoter":
        if (this.#added++ >= MOST_ADDED) return false;
        operator.busy = true;
        if (fault.kind === "addVoter") operator.addVoter(done);
        else operator.addLearner(done);
        return true;
      case "remove":
        if (!atlas.mayRemove(member) || member.id === 0n) return false;
        operator.busy = true;
        atlas.leaves(member);
        operator.remove(member, done);
        return true;
      case "replace":
        if (!atlas.mayDamage(member) || member.id === 0n || this.#added++ >= MOST_ADDED) return false;
        operator.busy = true;
        this.#replace(member, done);
        return true;
      default:
        return false;
    }
  }

  #replace(member: WorldMember, done: () => void): void {
    this.atlas.damage(member, false);
    member.supervised = false;
    member.die(true);
    this.#world.trace.note("nemesis", `${member.name} has lost its disk`);
    this.atlas.leaves(member);
    this.operator.remove(member, (removed) => {
      // Its machine is gone, whatever became of its removal.
      if (removed) member.state = "removed";
      if (removed) this.operator.addLearner(done);
      else done();
    });
  }

  /** Undone after `forMs`, or when all is healed. Always true. */
  #lasts(forMs: number, undo: () => void): boolean {
    const once = (): void => {
      if (!this.#lasting.delete(once)) return;
      undo();
    };
    this.#lasting.add(once);
    this.#world.later(forMs, once);
    return true;
  }

  // ── Network ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Blocks bytes one way on each of these; returns what undoes it. */
  #block(ways: readonly (readonly [WorldMember, WorldMember])[]): () => void {
    const { network } = this.#world;
    for (const [from, to] of ways) network.block(from.machine.host, to.machine.host);
    return () => {
      for (const [from, to] of ways) network.unblock(from.machine.host, to.machine.host);
    };
  }

  #cutFromClients(member: WorldMember): () => void {
    const { network, programHosts } = this.#world;
    const { host } = member.machine;
    member.cutFromClients = true;
    for (const program of programHosts) {
      network.block(host, program);
      network.block(program, host);
    }
    return () => {
      member.cutFromClients = false;
      for (const program of programHosts) {
        network.unblock(host, program);
        network.unblock(program, host);
      }
    };
  }

  #isolate(member: WorldMember): () => void {
    const others = this.#world.members.filter((other) => other !== member);
    return this.#block(others.flatMap((other) => [[member, other] as const, [other, member] as const]));
  }

  #partition(sides: number, oneWay: boolean): () => void {
    const { members } = this.#world;
    const onFirst = ({ slot }: WorldMember): boolean => (sides & (1 << slot)) !== 0;
    const ways: (readonly [WorldMember, WorldMember])[] = [];
    for (const from of members) {
      for (const to of members) {
        if (onFirst(from) === onFirst(to)) continue;
        if (!oneWay || onFirst(from)) ways.push([from, to]);
      }
    }
    return this.#block(ways);
  }

  #flap(member: WorldMember, everyMs: number, forMs: number): boolean {
    let undo: (() => void) | null = null;
    let over = false;
    const flip = (): void => {
      if (over) return;
      if (undo === null) {
        undo = this.#isolate(member);
      } else {
        undo();
        undo = null;
      }
      this.#world.later(everyMs, flip);
    };
    flip();
    return this.#lasts(forMs, () => {
      over = true;
      undo?.();
    });
  }

  /** A firewall begins anew, which breaks what there is or not, and for a while forgets what it sees. */
  #forget(member: WorldMember, forMs: number): boolean {
    const { network, members } = this.#world;
    const { host } = member.machine;
    const hosts = members.filter((peer) => peer !== member).map(({ machine }) => machine.host);
    let over = false;
    const forget = (): void => {
      if (over) return;
      for (const other of hosts) network.forget(host, other);
      this.#world.later(this.#random.between(0.5, FORGETS_WITHIN_MS), forget);
    };
    if (this.#random.chance(0.5)) for (const other of hosts) network.reset(host, other);
    forget();
    return this.#lasts(forMs, () => {
      over = true;
    });
  }

  #hinder(kind: "slowLink" | "cloggedLink", member: WorldMember, other: WorldMember, amount: number): () => void {
    const { network } = this.#world;
    const links = [
      network.link(member.machine.host, other.machine.host),
      network.link(other.machine.host, member.machine.host),
    ];
    const { minDelayMs, maxDelayMs } = this.#world.plan.cluster;
    for (const link of links) {
      if (kind === "slowLink") Object.assign(link, { minDelayMs: amount / 4, maxDelayMs: amount });
      else link.bytesPerMs = amount;
    }
    return () => {
      for (const link of links) {
        Object.assign(link, { minDelayMs, maxDelayMs, bytesPerMs: Number.POSITIVE_INFINITY });
      }
    };
  }

  #mangle(chance: number): () => void {
    const world = this.#world;
    const random = this.#random;
    const part = (): number => (random.chance(0.7) ? random.between(0, chance) : 0);
    world.mangling = {
      loss: part(),
      duplication: part(),
      delay: part(),
      maxDelayMs: random.chance(0.5) ? 30 : MANGLE_DELAY_ELECTIONS * world.plan.cluster.electionMs,
    };
    return () => {
      world.mangling = { loss: 0, duplication: 0, delay: 0, maxDelayMs: 0 };
    };
  }

  // ── Processes ──────────────────────────────────────────────────────────────────────────────────────────────────────

  #down(members: readonly WorldMember[], power: boolean, forMs: number): boolean {
    const fallen = members.filter(({ state }) => state !== "removed" && state !== "refusing");
    for (const member of fallen) {
      member.supervised = false;
      member.die(power);
    }
    return this.#lasts(forMs, () => {
      for (const member of fallen) this.#up(member);
    });
  }

  #up(member: WorldMember): void {
    member.supervised = true;
    if (member.state === "down") member.start();
  }

  #crashLoop(member: WorldMember, forMs: number): boolean {
    const world = this.#world;
    let over = false;
    const crash = (): void => {
      if (over || member.state === "removed" || member.state === "refusing") return;
      member.die(this.#random.chance(0.7));
      world.later(this.#random.between(1, 150), () => {
        if (!over) member.start();
      });
      world.later(this.#random.between(150, 400), crash);
    };
    member.supervised = false;
    crash();
    return this.#lasts(forMs, () => {
      over = true;
      this.#up(member);
    });
  }

  #stop(member: WorldMember, forMs: number): boolean {
    if (!member.serving) return false;
    member.supervised = false;
    member.terminate();
    return this.#lasts(forMs, () => {
      if (member.state === "stopping") member.die(false);
      this.#up(member);
    });
  }

  #pause(member: WorldMember, forMs: number): boolean {
    if (!member.up) return false;
    member.pause();
    return this.#lasts(forMs, () => member.resume());
  }

  // ── Disks ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  #hang(member: WorldMember, forMs: number): boolean {
    const { disk } = member.machine;
    disk.hangs = (operation) => operation === "write" || operation === "sync";
    return this.#lasts(forMs, () => {
      disk.hangs = () => false;
      disk.unhang();
    });
  }

  #failSync(member: WorldMember): boolean {
    const { disk } = member.machine;
    let failed = false;
    disk.fails = (operation) => {
      if (operation !== "sync" || failed) return false;
      failed = true;
      return true;
    };
    return true;
  }

  /** A write of some time ago turns out to have landed elsewhere; the process will know at its next start. */
  #misdirect(member: WorldMember, bytes: number): boolean {
    if (!this.atlas.mayDamage(member) || !member.up) return false;
    const what = misdirectWrite(member.machine.disk, this.#random, bytes);
    if (what === null) return false;
    this.#world.trace.note("nemesis", `${member.name}: ${what}`);
    this.atlas.damage(member, true);
    return true;
  }

  /** The process ends, in peace or not, its disk is damaged while it is down, and it starts again. */
  #damage(fault: Fault, member: WorldMember): boolean {
    if (!this.atlas.mayDamage(member) || member.state === "refusing" || member.id === 0n) return false;
    member.supervised = false;
    if (member.serving && this.#random.chance(PEACEFUL_CHANCE)) {
      member.terminate();
      this.#world.later(PEACE_MS, () => {
        const ended = member.state === "down";
        if (member.state === "removed" || member.state === "refusing") return;
        if (this.#over || !this.atlas.mayDamage(member)) return this.#up(member);
        this.#spoil(fault, member, ended);
      });
    } else {
      this.#spoil(fault, member, false);
    }
    return this.#lasts(PEACE_MS + fault.forMs, () => {
      if (member.state === "stopping") member.die(false);
      this.#up(member);
    });
  }

  /** @param ended its process has come to a clean end. */
  #spoil({ kind, amount }: Fault, member: WorldMember, ended: boolean): void {
    member.die(false);
    const { disk } = member.machine;
    const what = kind === "bitRot" ? damageFile(disk, this.#random, amount, ended) : loseFile(disk, this.#random);
    if (what === null) return;
    this.#world.trace.note("nemesis", `${member.name}: ${what}${ended ? ", after a clean end" : ""}`);
    this.atlas.damage(member, true);
  }
}
