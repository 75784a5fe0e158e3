/**
 * What one process can do, and what comes of it. A process's step depends on nothing but the process, so each is computed
 * once and looked up after that: the reason why millions of states of whole runs take seconds.
 */
import type { ProcessId } from "../machine.ts";
import { bitOf } from "./history.ts";
import {
  coordinatorId,
  type Model,
  type ModelEvent,
  type ModelVote,
  type Observed,
  participantIds,
  roleOf,
} from "./model.ts";
import type { Plan } from "./plan.ts";
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
import { clock, type Envelopes, Interned, type Processes, timeless } from "./tables.ts";

/** What a process does of itself. `resend`, `limit`: a timer ends. */
export type Own =
  | { readonly type: "begin" }
  | { readonly type: "answer"; readonly vote: ModelVote }
  | { readonly type: "sync" }
  | { readonly type: "resend" }
  | { readonly type: "limit" };

export interface Result {
  /** Number of the process as it is then. */
  readonly process: number;
  /** How far the step is before its first write is durable, where power may fail; null: there is no such moment. */
  readonly amid: { readonly process: number; readonly sent: readonly number[] } | null;
  /** Numbers of what it says. */
  readonly sent: readonly number[];
  readonly fault: Reaction["fault"];
}

/** What the explorer asks about a process again and again. */
export interface Facts {
  readonly isUp: boolean;
  readonly own: readonly Own[];
  readonly waitsFor: readonly ProcessId[];
  /** Epoch under way here; 0: none. */
  readonly epoch: number;
  readonly inDoubt: boolean;
  /** Nothing is under way, and no write either. */
  readonly isIdle: boolean;
}

/** What a process does, as a number. */
const Code = { start: 0, begin: 1, sync: 2, resend: 3, limit: 4, yes: 5, no: 6, readOnly: 7, crash: 8, message: 64 };

export class Moves {
  readonly ids: readonly ProcessId[];
  readonly processes: Processes = new Interned<Process>();
  readonly envelopes: Envelopes = new Interned<Envelope>();
  /** What was seen when time ran out, or power. */
  readonly observed: Map<string, Observed> = new Map();
  readonly #hosts: readonly Host[];
  readonly #model: Model;
  readonly #plan: Plan;
  /** By process and place, then by what it does. */
  readonly #results: Result[][] = [];
  readonly #facts: Facts[] = [];
  readonly #ends: (readonly [number, number])[] = [];

  constructor(plan: Plan) {
    const { model, participants } = plan;
    this.#model = model;
    this.#plan = plan;
    this.ids = [coordinatorId, ...participantIds(participants)];
    const times = { answerMs: clock.limitDue, patienceMs: clock.limitDue, resendMs: clock.resendDue };
    this.#hosts = this.ids.map((id) => ({ id, model, machine: model.machineOf(id, times) }));
  }

  /** All processes, down, with empty logs. */
  installed(): number[] {
    return this.#hosts.map((host) => this.processes.numberOf(installed(host)));
  }

  start(at: number, process: number): Result {
    return this.#remember(at, process, Code.start, () =>
      started(this.#host(at), this.processes.at(process), clock.now),
    );
  }

  take(at: number, process: number, envelope: number): Result {
    return this.#remember(at, process, Code.message + envelope, () => {
      const { from, message } = this.envelopes.at(envelope);
      return this.#feed(at, process, { type: "message", from, message }, clock.now);
    });
  }

  act(at: number, process: number, own: Own): Result {
    const code = own.type === "answer" ? Code[own.vote] : Code[own.type];
    return this.#remember(at, process, code, () => this.#act(at, process, own));
  }

  /** @param during the epoch that goes on without it */
  crash(at: number, process: number, during: number): number {
    return this.#remember(at, process, Code.crash + during, () => {
      const before = this.processes.at(process);
      this.#observeCrash(this.#host(at), before);
      return { process: crashed(before, during), sent: [], fault: null };
    }).process;
  }

  /** What was said to a process that is down is lost: who waits for its answer counts it as dead in that epoch. */
  miss(at: number, process: number, envelope: number): number {
    const { isUp } = this.facts(at, process);
    const { epoch } = this.envelopes.at(envelope).message;
    const before = this.processes.at(process);
    if (isUp || (before.history.down & bitOf(epoch)) !== 0) return process;
    return this.processes.numberOf(crashed(before, epoch));
  }

  /** Which process said it. */
  fromOf(envelope: number): number {
    return (this.#ends[envelope] ??= this.#endsOf(envelope))[0];
  }

  toOf(envelope: number): number {
    return (this.#ends[envelope] ??= this.#endsOf(envelope))[1];
  }

  #endsOf(envelope: number): readonly [number, number] {
    const { from, to } = this.envelopes.at(envelope);
    return [this.ids.indexOf(from), this.ids.indexOf(to)];
  }

  facts(at: number, process: number): Facts {
    // A coordinator and a participant never look the same: their disks differ. Participants that do are told apart.
    const slot = process * this.ids.length + at;
    const known = this.#facts[slot];
    if (known !== undefined) return known;
    const facts = this.#look(at, this.processes.at(process));
    this.#facts[slot] = facts;
    return facts;
  }

  #host(at: number): Host {
    return this.#hosts[at] as Host;
  }

  #remember(at: number, process: number, code: number, compute: () => Reaction): Result {
    const slot = process * this.ids.length + at;
    const known = this.#results[slot]?.[code];
    if (known !== undefined) return known;
    const reaction = compute();
    const result = this.#plan.disks === "prompt" ? this.#hurry(at, reaction) : this.#result(reaction, null);
    (this.#results[slot] ??= [])[code] = result;
    return result;
  }

  /** All that is forced is durable at once, unless the power fails before. */
  #hurry(at: number, first: Reaction): Result {
    const host = this.#host(at);
    let reaction = first;
    while (reaction.process.pending.some(({ forced }) => forced)) {
      const { process, sent, fault } = synced(host, reaction.process);
      reaction = { process, sent: [...reaction.sent, ...sent], fault: reaction.fault ?? fault };
    }
    if (reaction === first) return this.#result(first, null);
    const amid = { process: this.processes.numberOf(timeless(first.process)), sent: this.#numbersOf(first.sent) };
    return this.#result(reaction, amid);
  }

  #result({ process, sent, fault }: Reaction, amid: Result["amid"]): Result {
    return { process: this.processes.numberOf(timeless(process)), sent: this.#numbersOf(sent), fault, amid };
  }

  #numbersOf(sent: readonly Envelope[]): readonly number[] {
    return sent.map((envelope) => this.envelopes.numberOf(envelope));
  }

  #feed(at: number, process: number, event: ModelEvent, now: number): Reaction {
    return fed(this.#host(at), this.processes.at(process), event, now);
  }

  #act(at: number, process: number, own: Own): Reaction {
    switch (own.type) {
      case "begin":
        return this.#feed(at, process, { type: "begin", participants: this.ids.slice(1) }, clock.now);
      case "answer": {
        const { epoch } = this.facts(at, process);
        return this.#feed(at, process, { type: "answered", epoch, vote: own.vote }, clock.now);
      }
      case "sync":
        return synced(this.#host(at), this.processes.at(process));
      case "resend":
      case "limit": {
        const now = own.type === "limit" ? clock.limitDue : clock.resendDue;
        const reaction = this.#feed(at, process, { type: "tick" }, now);
        this.#observe(this.#host(at), this.processes.at(process), own.type, "", reaction.process);
        return reaction;
      }
      default:
        return own satisfies never;
    }
  }

  #look(at: number, process: Process): Facts {
    const { state, pending, history } = process;
    const id = this.ids[at] as ProcessId;
    if (state === null) {
      return { isUp: false, own: [], waitsFor: [], epoch: 0, inDoubt: false, isIdle: false };
    }
    const { phase, resendAt, limitAt } = state;
    const own: Own[] = [];
    if (id === coordinatorId && phase.name === "idle" && history.begins < this.#plan.transactions) {
      own.push({ type: "begin" });
    }
    if (phase.name === "voting") {
      const hasWork = (history.asked & bitOf(phase.epoch ?? 0)) === 0;
      const votes = this.#plan.votes.filter((vote) => hasWork || vote === "no");
      for (const vote of votes.length > 0 ? votes : (["no"] as const)) own.push({ type: "answer", vote });
    }
    if (pending.length > 0) own.push({ type: "sync" });
    if (resendAt !== null) own.push({ type: "resend" });
    if (limitAt !== null) own.push({ type: "limit" });
    return {
      isUp: true,
      own,
      waitsFor: this.#model.waitsFor(id, state),
      epoch: phase.epoch ?? 0,
      inDoubt: id !== coordinatorId && this.#model.inDoubt(state),
      isIdle: phase.name === "idle" && pending.length === 0,
    };
  }

  /** The power may fail behind any of the writes that are under way. */
  #observeCrash(host: Host, process: Process): void {
    let { disk } = process;
    for (let durable = 0; durable <= process.pending.length; durable++) {
      const next = process.pending[durable - 1];
      if (next !== undefined) disk = host.machine.fold(disk, next.record);
      const after = started(host, { ...process, state: null, disk, pending: [] }, clock.now).process;
      this.#observe(host, process, "crash", this.#model.logOf(roleOf(host.id), disk), after);
    }
  }

  #observe(host: Host, before: Process, on: Observed["on"], log: string, after: Process): void {
    if (before.state === null || after.state === null) return;
    const { phaseOf } = this.#model;
    const seen: Observed = { role: roleOf(host.id), phase: phaseOf(before.state), on, log, to: phaseOf(after.state) };
    this.observed.set(Object.values(seen).join("|"), seen);
  }

  /** `prepared`, `down (committed)`: of who is down, what its log says. */
  describeProcess(id: ProcessId, process: number): string {
    const { state, disk } = this.processes.at(process);
    const { phaseOf, logOf } = this.#model;
    return state === null ? `down (${logOf(roleOf(id), disk)})` : phaseOf(state);
  }

  /** `p1 takes prepare(epoch 1) from c` */
  describeTaking(envelope: number): string {
    const { from, to, message } = this.envelopes.at(envelope);
    return `${to} takes ${describe(message)} from ${from}`;
  }

  /** `is prepared, writes prepared(epoch 1), says vote(epoch 1, vote yes) to c` */
  describeResult({ process, sent }: Result): string {
    const { state, pending } = this.processes.at(process);
    const said = sent.map((number) => {
      const { to, message } = this.envelopes.at(number);
      return `${describe(message)} to ${to}`;
    });
    const parts = [state === null ? "is down" : `is ${this.#model.phaseOf(state)}`];
    if (pending.length > 0) parts.push(`writes ${pending.map(({ record }) => record.type).join(", ")}`);
    if (said.length > 0) parts.push(`says ${said.join(", ")}`);
    return parts.join("; ");
  }
}
