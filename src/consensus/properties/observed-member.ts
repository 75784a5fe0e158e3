/** What an observer knows of one member: its engine now and one input ago, and what its disk was told and has done. */
import type { MemberId } from "../../environment.ts";
import type {
  Effects,
  Engine,
  EngineOptions,
  EngineStart,
  Input,
  Position,
  Role,
  SnapshotMeta,
  Write,
} from "../engine.ts";
import { emptyMembership, type Membership } from "../membership.ts";
import type { EnginePeek, PeekedState } from "../peek.ts";
import { DiskLog } from "./disk-log.ts";

/** An engine's status, as far as properties look at it. */
export class View {
  role: Role = "follower";
  epoch = 0;
  commit = 0;
  firstIndex = 1;
  lastIndex = 0;
  membership: Membership = emptyMembership;

  look(engine: Engine): void {
    const { status } = engine;
    this.role = status.role;
    this.epoch = status.epoch;
    this.commit = status.commit;
    this.firstIndex = status.firstIndex;
    this.lastIndex = status.lastIndex;
    this.membership = status.membership;
  }
}

const start0: Position = { index: 0, epoch: 0 };

export class ObservedMember {
  readonly id: MemberId;
  readonly #peek: EnginePeek;
  /** 0: never started. */
  life = 0;
  #engine: Engine | null = null;
  #options: EngineOptions | null = null;
  /** Its own clock at the newest input, ms. */
  #clockMs = 0;
  /**
   * Time that this life could notice, ms: of a gap between two inputs only as much as may lie between two ticks. While
   * its process stands still no member can do anything about it.
   */
  awakeMs = 0;
  /** The status before and after the newest input. */
  before: View = new View();
  now: View = new View();

  /** The log with all writes the engine has asked for, and with those that are durable. */
  written: DiskLog = new DiskLog(start0, []);
  durable: DiskLog = new DiskLog(start0, []);
  /** Durable logs of earlier lives that a fault took away. */
  readonly lostLogs: DiskLog[] = [];
  /** The durable log before entries of it were dropped, for each time that this happened in the durable epoch. */
  readonly formerLogs: DiskLog[] = [];
  /** Asked for, not durable yet; oldest first. */
  underway: Write[] = [];
  /** Number of the last durable write of this life. */
  durableWrite = 0;
  /** The engine's own state on disk. */
  durableState: Uint8Array | null = null;
  /** The newest snapshot known to be on disk. */
  snapshot: Position = start0;
  /** The highest epoch that ever was in the durable state, and the votes by epoch. */
  durableEpoch = 0;
  readonly durableVotes: Map<number, MemberId> = new Map();
  durablePromiseMs = 0;
  /**
   * A fault took durable data away: the next start may find less. `shows`: what is left tells so, and the start must say
   * it; `hidden`: it may look as if it had never been written.
   */
  loss: "none" | "shows" | "hidden" = "none";

  /** The highest index given out as committed in this life, or covered by the snapshot it started from or installed. */
  givenOut = 0;
  /** The commit index that it knew in this life when its effects were last taken. */
  knownCommit = 0;
  /** The epoch it led when its effects were last taken; 0: it did not lead. */
  ledEpoch = 0;

  constructor(id: MemberId, peek: EnginePeek) {
    this.id = id;
    this.#peek = peek;
  }

  get engine(): Engine {
    if (this.#engine === null) throw new Error(`member ${this.id} was never started`);
    return this.#engine;
  }

  /** What this life was started with. */
  get options(): EngineOptions {
    if (this.#options === null) throw new Error(`member ${this.id} was never started`);
    return this.#options;
  }

  /** Whether it leads this epoch, as far as it knows. */
  leads(epoch: number): boolean {
    return this.now.role === "leader" && this.now.epoch === epoch;
  }

  /** Whether the newest input left it leading the epoch that it led before. */
  get staysLeader(): boolean {
    const { before, now } = this;
    return before.role === "leader" && now.role === "leader" && before.epoch === now.epoch;
  }

  /** A life begins with what the disk had: that is durable from now on. */
  start(life: number, start: EngineStart, engine: Engine, options: EngineOptions): void {
    if (this.loss !== "none" || start.untrusted) {
      this.lostLogs.push(this.durable, new DiskLog(this.snapshot, []));
      this.snapshot = start0;
    }
    // A write that was under way may have reached the disk, and dropped what was there when it was spoken of.
    if (this.underway.some(({ truncateFrom, snapshot }) => truncateFrom !== null || snapshot !== null)) {
      this.formerLogs.push(this.durable);
    }
    const base = start.snapshot ?? start0;
    this.life = life;
    this.#engine = engine;
    this.#options = options;
    this.#clockMs = Number.POSITIVE_INFINITY;
    this.awakeMs = 0;
    this.now.look(engine);
    this.before.look(engine);
    this.written = DiskLog.of(base, start.entries);
    this.durable = this.written.copy();
    this.underway = [];
    this.durableWrite = 0;
    this.snapshotted(base);
    this.#stateIsDurable(start.state);
    this.loss = "none";
    this.givenOut = base.index;
    this.knownCommit = this.now.commit;
    this.ledEpoch = 0;
  }

  /** An input was taken, at this time of its clock. */
  step(input: Input, clockMs: number): void {
    this.awakeMs += Math.max(0, Math.min(clockMs - this.#clockMs, this.options.heartbeatIntervalMs));
    this.#clockMs = clockMs;
    if (input.type === "durable") this.#completed(input.write);
    else if (input.type === "compact") this.snapshotted(input.snapshot);
    else if (input.type === "snapshotReceived") this.#received(input.snapshot);
    const { before } = this;
    this.before = this.now;
    this.now = before;
    this.now.look(this.engine);
  }

  /** Its owner took its effects. */
  drain({ write, installSnapshot, committed }: Effects): void {
    if (write !== null) {
      this.written.write(write);
      this.underway.push(write);
    }
    this.givenOut = Math.max(this.givenOut, installSnapshot?.index ?? 0, committed.at(-1)?.index ?? 0);
    this.knownCommit = this.now.commit;
    this.ledEpoch = this.now.role === "leader" ? this.now.epoch : 0;
  }

  #completed(number: number): void {
    let done = 0;
    for (const write of this.underway) {
      if (write.number > number) break;
      const former = write.truncateFrom !== null || write.snapshot !== null ? this.durable.copy() : null;
      this.durable.write(write);
      if (write.state !== null) this.#stateIsDurable(write.state);
      // Also where the same write began the epoch: a candidate that is outvoted at once has said what it held before.
      if (former !== null) this.formerLogs.push(former);
      done++;
    }
    this.underway.splice(0, done);
    this.durableWrite = Math.max(this.durableWrite, number);
  }

  #stateIsDurable(bytes: Uint8Array | null): void {
    this.durableState = bytes;
    const state = bytes === null ? null : this.#peek.state(bytes);
    if (state !== null) this.#remember(state);
  }

  #remember({ epoch, vote, promiseMs }: PeekedState): void {
    if (epoch > this.durableEpoch) this.formerLogs.length = 0;
    this.durableEpoch = Math.max(this.durableEpoch, epoch);
    if (vote !== 0n && !this.durableVotes.has(epoch)) this.durableVotes.set(epoch, vote);
    this.durablePromiseMs = Math.max(this.durablePromiseMs, promiseMs);
  }

  /** A snapshot is on disk. */
  snapshotted(position: Position): void {
    if (position.index <= this.snapshot.index) return;
    this.snapshot = { index: position.index, epoch: position.epoch };
    this.written.cover(position);
    this.durable.cover(position);
  }

  /** On disk, but the log need not lead there yet: a start would begin behind it. */
  #received(snapshot: SnapshotMeta): void {
    if (snapshot.index > this.snapshot.index) this.snapshot = { index: snapshot.index, epoch: snapshot.epoch };
  }
}
