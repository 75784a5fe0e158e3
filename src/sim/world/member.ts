/**
 * One member of the simulated cluster over all its lives: the production member on a simulated machine, started again
 * by a supervisor when its process ends, as systemd or Kubernetes would.
 */
import type { EngineKind } from "../../consensus/engines.ts";
import type { Clock, Logger, MemberId } from "../../environment.ts";
import { InvariantViolation, QuorateError } from "../../errors.ts";
import type { GroupReplica } from "../../replica/replica.ts";
import { assemble, type RunningMember } from "../../server/assemble.ts";
import type { MemberOptions } from "../../server/member-options.ts";
import type { MemberTuning } from "../../server/member-tuning.ts";
import type { VirtualMachine } from "../../virtual/machine.ts";
import type { VirtualProcess } from "../../virtual/process.ts";
import { Front } from "./front.ts";

export type MemberState =
  /** No process. */
  | "down"
  | "starting"
  | "serving"
  /** Asked to end, and on its way. */
  | "stopping"
  /** Removed from the cluster: it does not come back. */
  | "removed"
  /** Its data directory is damaged beyond what it may repair alone: an operator must replace it. */
  | "refusing";

export interface WorldMemberEvents {
  /** Something a person would want to read, and its hash would miss. */
  note(member: WorldMember, what: string): void;
  /** A broken promise that shows at this member alone. */
  violated(member: WorldMember, property: string, message: string): void;
  /** It ended because it was told that it is no member any more. */
  toldRemoved(member: WorldMember): void;
  logger(member: WorldMember): Logger;
}

/** The supervisor waits this long before it starts an ended process again. */
const RESTART_MS = 300;

export class WorldMember {
  readonly slot: number;
  readonly name: string;
  readonly machine: VirtualMachine;
  readonly front: Front = new Front();
  /** What it is started with next time. */
  options: MemberOptions;
  state: MemberState = "down";
  /** The running member, once it has been put together. */
  running: RunningMember | null = null;
  /** Known from the first start on. */
  id: MemberId = 0n;
  cutFromClients = false;
  /** Process ends on its own are followed by a start; off while a fault keeps it down. */
  supervised = true;
  /** Disk operations were lost or falsified by a fault: what it refuses is its right. */
  damaged = false;
  lives = 0;
  /** Calls of clients that are open here: they break when the process dies. */
  readonly calls: Set<{ lost(): void }> = new Set();
  readonly #kind: EngineKind;
  readonly #tuning: Partial<MemberTuning>;
  readonly #events: WorldMemberEvents;
  readonly #later: (delayMs: number, run: () => void) => void;
  #process: VirtualProcess | null = null;
  #clock: Clock | null = null;

  constructor(options: {
    slot: number;
    name: string;
    machine: VirtualMachine;
    member: MemberOptions;
    kind: EngineKind;
    tuning: Partial<MemberTuning>;
    events: WorldMemberEvents;
    later: (delayMs: number, run: () => void) => void;
  }) {
    this.slot = options.slot;
    this.name = options.name;
    this.machine = options.machine;
    this.options = options.member;
    this.#kind = options.kind;
    this.#tuning = options.tuning;
    this.#events = options.events;
    this.#later = options.later;
  }

  /** There is a process, and it takes calls. */
  get serving(): boolean {
    return this.state === "serving" && this.#process?.alive === true;
  }

  /** There is a process. */
  get up(): boolean {
    return this.#process?.alive === true;
  }

  get paused(): boolean {
    return this.#process?.paused === true;
  }

  /** Null while it is not put together. */
  get replica(): GroupReplica | null {
    return this.running?.replica ?? null;
  }

  /** Its own clock. */
  now(): number {
    return this.#clock?.now() ?? 0;
  }

  /** Runs something in its process. */
  enter(run: () => void): void {
    this.#process?.enter(run);
  }

  start(): void {
    if (this.up || this.state === "removed") return;
    this.lives++;
    this.state = "starting";
    const { environment, process } = this.machine.boot(this.#events.logger(this));
    this.#process = process;
    this.#clock = environment.clock;
    this.#events.note(this, `starts, life ${this.lives}`);
    process.enter(() => {
      assemble(this.options, {
        environment,
        engines: new Map([[this.#kind.name, this.#kind]]),
        openServer: this.front.open,
        tuning: this.#tuning,
      }).then(
        (running) => {
          if (process !== this.#process || !process.alive) return;
          this.running = running;
          this.id = running.memberId;
          this.state = "serving";
          this.#events.note(this, "serves");
          void running.failed.then((error) => this.#ended(process, error));
        },
        (error: unknown) => this.#ended(process, error),
      );
    });
  }

  /** kill -9, or with `power` the loss of power: what was not synced is lost or torn. */
  die(power: boolean): void {
    if (!this.up && !power) return;
    this.#events.note(this, power ? "loses power" : "is killed");
    if (power) this.machine.crash({ reset: this.lives % 2 === 0 });
    else this.machine.kill();
    this.#over();
  }

  /** SIGTERM. */
  terminate(): void {
    const { running } = this;
    const process = this.#process;
    if (running === null || process === null || !this.serving) {
      this.die(false);
      return;
    }
    this.state = "stopping";
    this.#events.note(this, "is asked to stop");
    process.enter(() => {
      running.stop().then(
        () => {
          if (process !== this.#process || !process.alive) return;
          this.#events.note(this, "stopped");
          this.machine.kill();
          this.#over();
        },
        (error: unknown) => this.#ended(process, error),
      );
    });
  }

  pause(): void {
    this.#process?.pause();
  }

  resume(): void {
    this.#process?.resume();
  }

  #over(): void {
    this.#process = null;
    this.running = null;
    if (this.state !== "removed" && this.state !== "refusing") this.state = "down";
    for (const call of this.calls) call.lost();
  }

  /** The process ended by itself. */
  #ended(process: VirtualProcess, error: unknown): void {
    if (process !== this.#process || !process.alive) return;
    const text = error instanceof Error ? error.message : String(error);
    this.#events.note(this, `ends: ${text}`);
    const code = error instanceof QuorateError ? error.code : null;
    if (error instanceof InvariantViolation || !(error instanceof Error) || isProgrammingError(error)) {
      const where = error instanceof Error ? (error.stack ?? text) : text;
      this.#events.violated(this, "no broken invariant", `${this.name} stopped itself: ${where}`);
    } else if (code === "DATA_CORRUPT" && !this.damaged) {
      this.#events.violated(this, "undamaged data is accepted", `${this.name} refuses its own data: ${text}`);
    }
    if (code === "REMOVED") {
      this.#events.toldRemoved(this);
      this.state = "removed";
    } else if (code === "DATA_CORRUPT") {
      this.state = "refusing";
    }
    this.machine.kill();
    this.#over();
    this.#later(RESTART_MS, () => {
      if (this.supervised && this.state === "down") this.start();
    });
  }
}

/** A TypeError and its like are never an answer to what the world does. */
function isProgrammingError(error: Error): boolean {
  return error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError;
}
