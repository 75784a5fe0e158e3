/**
 * A process around a machine, as plain data: the machine's state, its disk, the writes that are under way with what waits
 * behind each, and its history. Both simulators run these; only they say when anything happens.
 */
import type { Effect, ProcessId } from "../machine.ts";
import { answered, bitOf, concluded, type History, nothingDone } from "./history.ts";
import {
  type Model,
  type ModelEvent,
  type ModelMachine,
  type ModelMessage,
  type ModelRecord,
  type ModelState,
  roleOf,
} from "./model.ts";

type ModelEffect = Effect<ModelMessage, ModelRecord>;

export interface Pending {
  readonly record: ModelRecord;
  readonly forced: boolean;
  /** Carried out once this record, and those before it, are durable. */
  readonly behind: readonly ModelEffect[];
}

export interface Process {
  /** Null: it is down. */
  readonly state: ModelState | null;
  readonly disk: unknown;
  readonly pending: readonly Pending[];
  readonly history: History;
}

export interface Envelope {
  readonly from: ProcessId;
  readonly to: ProcessId;
  readonly message: ModelMessage;
}

/** What came of a step, besides the process itself. */
export interface Reaction {
  readonly process: Process;
  readonly sent: readonly Envelope[];
  /** A property that the step alone violates: its name, and what happened. */
  readonly fault: readonly [property: string, what: string] | null;
}

/** One process of a run: what stays the same in all its steps. */
export interface Host {
  readonly id: ProcessId;
  readonly model: Model;
  readonly machine: ModelMachine;
}

/** Before its first start. */
export function installed({ machine }: Host): Process {
  return { state: null, disk: machine.blank, pending: [], history: nothingDone };
}

export function started(host: Host, process: Process, now: number): Reaction {
  const { state, effects } = host.machine.recover(process.disk, now);
  return carryOut(host, { ...process, state }, effects);
}

/** @throws Error if it is down */
export function fed(host: Host, process: Process, event: ModelEvent, now: number): Reaction {
  if (process.state === null) throw new Error(`${host.id} is down`);
  const { state, effects } = host.machine.step(process.state, event, now);
  const reaction = carryOut(host, { ...process, state, history: observed(process.history, event) }, effects);
  const epoch = state.phase.epoch ?? 0;
  const isUsed = event.type === "begin" && (process.history.begun & bitOf(epoch)) !== 0;
  return isUsed ? { ...reaction, fault: ["epochs", `${host.id} begins epoch ${epoch} a second time`] } : reaction;
}

function observed(history: History, event: ModelEvent): History {
  if (event.type === "begin") return { ...history, begins: history.begins + 1 };
  return event.type === "answered" ? answered(history, event.epoch, event.vote) : history;
}

/** The oldest write is durable. */
export function synced(host: Host, process: Process): Reaction {
  const [oldest, ...pending] = process.pending;
  if (oldest === undefined) throw new Error(`${host.id} has nothing to sync`);
  const disk = host.machine.fold(process.disk, oldest.record);
  return carryOut(host, { ...process, disk, pending }, oldest.behind);
}

/** What is not durable is gone. @param during the epoch under way, which goes on without this process */
export function crashed(process: Process, during: number): Process {
  const { disk, history } = process;
  return { state: null, disk, pending: [], history: { ...history, down: history.down | bitOf(during) } };
}

function carryOut(host: Host, before: Process, effects: readonly ModelEffect[]): Reaction {
  let process = before;
  let fault: Reaction["fault"] = null;
  const sent: Envelope[] = [];
  for (const effect of effects) {
    const { pending, history } = process;
    if (effect.type === "write") {
      process = { ...process, pending: [...pending, { record: effect.record, forced: effect.forced, behind: [] }] };
      continue;
    }
    const barrier = pending.findLastIndex(({ forced }) => forced);
    const at = pending[barrier];
    if (at !== undefined) {
      // What waits already need not wait twice.
      if (at.behind.some((waiting) => isSame(waiting, effect))) continue;
      process = { ...process, pending: pending.with(barrier, { ...at, behind: [...at.behind, effect] }) };
    } else if (effect.type === "send") {
      const { to, message } = effect;
      sent.push({ from: host.id, to, message });
      process = { ...process, history: { ...history, begun: history.begun | bitOf(message.epoch) } };
      if (!host.model.bears(roleOf(host.id), process.disk, message)) {
        fault ??= [
          "durable before said",
          `${host.id} says ${describe(message)} to ${to}, and its disk knows nothing of it`,
        ];
      }
    } else if (effect.type === "outcome") {
      process = { ...process, history: concluded(history, effect.epoch, effect.outcome) };
    }
  }
  return { process, sent, fault };
}

function isSame(a: ModelEffect, b: ModelEffect): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** `vote(epoch 1, vote yes)` */
export function describe(message: ModelMessage): string {
  const parts = Object.entries(message).filter(([key]) => key !== "type");
  return `${message.type}(${parts.map(([key, value]) => `${key} ${String(value)}`).join(", ")})`;
}
