/** Several transports on one simulated network. For tests only. */
import assert from "node:assert/strict";
import { SeededRandom } from "../../consensus/random.ts";
import type { Environment, Scheduled } from "../../environment.ts";
import { ClockRate, VirtualClock } from "../../virtual/clock.ts";
import { VirtualNetwork } from "../../virtual/network.ts";
import { VirtualProcess } from "../../virtual/process.ts";
import { settle } from "../../virtual/testing/settle.ts";
import { Timeline } from "../../virtual/timeline.ts";
import { FrameKind } from "../transport.ts";
import { hostOf, peer, startMember, type TestMember, type TestMemberOptions, text } from "./member.ts";
import { RecordedNetwork } from "./recorded-network.ts";

/** One way; a connection is up after twice of it. */
const DELAY_MS = 0.5;
/** Ports of all tests: each number modulo 100 has a host of its own. */
const HOSTS = 100;

/** What a process in this world has. */
export type TestEnvironment = Pick<Environment, "clock" | "network">;

export class World {
  readonly timeline: Timeline = new Timeline(settle);
  /** The network, for its faults. */
  readonly faults: VirtualNetwork;
  readonly members: TestMember[] = [];
  /** What was asked of the network. */
  readonly network: RecordedNetwork = new RecordedNetwork(this.timeline);
  /** Timers that were neither run nor cancelled. */
  pendingTimers = 0;

  constructor(seed = 1) {
    this.faults = new VirtualNetwork({
      timeline: this.timeline,
      random: new SeededRandom(seed),
      minDelayMs: DELAY_MS,
      maxDelayMs: DELAY_MS,
    });
    // A host that has power refuses; without, it would be silent.
    for (let port = 0; port < HOSTS; port++) this.faults.host(hostOf(port)).up = true;
  }

  /** A process on the host that a port belongs to. */
  environmentAt(port: number): TestEnvironment {
    const process = new VirtualProcess(this.timeline);
    const network = this.network.over(this.faults.attach(hostOf(port), process));
    const clock = new VirtualClock(this.timeline, new ClockRate(this.timeline), process);
    return {
      network,
      clock: {
        now: () => clock.now(),
        wallClock: () => clock.wallClock(),
        soon: (run) => clock.soon(run),
        afterEvent: (run) => clock.afterEvent(run),
        after: (delayMs, run) => this.#counted(clock, delayMs, run),
      },
    };
  }

  async start(options: TestMemberOptions): Promise<TestMember> {
    const member = await startMember((port) => this.environmentAt(port), options);
    this.members.push(member);
    return member;
  }

  /** Lets time pass. */
  async pass(ms: number): Promise<void> {
    await this.timeline.run(ms);
  }

  /** Whether nothing gets through between two members. */
  silence(one: bigint, other: bigint): void {
    this.faults.block(`m${one}`, `m${other}`);
    this.faults.block(`m${other}`, `m${one}`);
  }

  async close(): Promise<void> {
    for (const member of this.members) await member.transport.close();
    // What is still on its way arrives; then there must be nothing left to wait for.
    await this.pass(60_000);
    assert.equal(this.pendingTimers, 0, "a closed transport leaves no timer");
  }

  #counted(clock: VirtualClock, delayMs: number, run: () => void): Scheduled {
    this.pendingTimers++;
    let isPending = true;
    const over = (): void => {
      if (isPending) this.pendingTimers--;
      isPending = false;
    };
    const timer = clock.after(delayMs, () => {
      over();
      run();
    });
    return {
      cancel: () => {
        over();
        timer.cancel();
      },
    };
  }
}

export function world(seed = 1): World {
  return new World(seed);
}

/** Two members that know each other, with their links up. */
export async function pair(
  limits: TestMemberOptions["limits"] = {},
  seed = 1,
): Promise<World & { a: TestMember; b: TestMember }> {
  const w = world(seed);
  const a = await w.start({ id: 1n, limits });
  const b = await w.start({ id: 2n, limits });
  a.transport.setPeers([peer(1n), peer(2n)]);
  b.transport.setPeers([peer(1n), peer(2n)]);
  await w.pass(50);
  assert.deepEqual(a.events, ["up 2"]);
  assert.deepEqual(b.events, ["up 1"]);
  return Object.assign(w, { a, b });
}

export function send(from: TestMember, to: bigint, value: string, bulk = false): boolean {
  return from.transport.send(to, 1, bulk ? FrameKind.snapshotChunk : FrameKind.engine, text(value), bulk);
}

export function texts(member: TestMember): string[] {
  return member.frames.map((frame) => frame.text);
}
