/**
 * The coordinator of two-phase commit with presumed abort, for one slot.
 *
 *                     all have voted,             everybody
 *          begin      one yes at least            has it
 *   idle ─────────▶ preparing ──────────▶ committing ─────────▶ idle
 *     │                 │ no, limit, crash: idle (aborted)
 *     │                 └ only readers: idle (committed)
 *     └─ begin with one ─▶ delegated ── it says how ──▶ idle
 *
 * It may forget what it aborted, since whoever asks about something it does not know is told "abort". It must not forget
 * what it committed until everybody has it.
 */
import { assert, unreachable } from "../../../errors.ts";
import { conclude, force, note, send, sendAll } from "../effects.ts";
import {
  dueTimer,
  type Effect,
  type Epoch,
  type Machine,
  type Outcome,
  type ProcessId,
  type Step,
} from "../machine.ts";
import { checkedParticipants, without, withProcess } from "../processes.ts";
import type {
  TwoPhaseCoordinatorDurable as Durable,
  TwoPhaseCoordinatorEvent as Event,
  TwoPhaseMessage as Message,
  TwoPhaseCoordinatorOptions as Options,
  TwoPhaseCoordinatorRecord as Record,
  TwoPhaseCoordinatorState as State,
  Vote,
} from "./contract.ts";

type Move = Step<State, Message, Record>;
type Effects = readonly Effect<Message, Record>[];
type Preparing = Extract<State["phase"], { name: "preparing" }>;

export type TwoPhaseCoordinator = Machine<State, Event, Message, Record, Durable>;

export function twoPhaseCoordinator(options: Options): TwoPhaseCoordinator {
  return {
    blank: { reserved: 0, decision: null },
    fold,
    recover: (durable, now) => recover(options, durable, now),
    step: (state, event, now) => step(options, state, event, now),
  };
}

function fold(durable: Durable, record: Record): Durable {
  switch (record.type) {
    case "reserved":
      return { ...durable, reserved: record.epoch };
    case "committed":
      return { ...durable, decision: { epoch: record.epoch, participants: record.participants } };
    case "ended":
      return durable.decision?.epoch === record.epoch ? { ...durable, decision: null } : durable;
    default:
      return unreachable(record, "record");
  }
}

function recover({ resendMs }: Options, { reserved, decision }: Durable, now: number): Move {
  // Whatever was under way without a decision is aborted by being forgotten. Its epoch is not used again.
  const state: State = { phase: { name: "idle" }, used: reserved, reserved, resendAt: null, limitAt: null };
  if (decision === null) return stay(state);
  const { epoch, participants } = decision;
  return {
    state: { ...state, phase: { name: "committing", epoch, waiting: participants }, resendAt: now + resendMs },
    effects: [conclude(epoch, "committed"), ...sendAll<Message>(participants, { type: "commit", epoch })],
  };
}

function step(options: Options, state: State, event: Event, now: number): Move {
  switch (event.type) {
    case "begin":
      return begin(options, state, event.participants, now);
    case "message":
      return onMessage(options, state, event.from, event.message, now);
    case "tick":
      return onTick(options, state, now);
    default:
      return unreachable(event, "event");
  }
}

function begin(options: Options, state: State, named: readonly ProcessId[], now: number): Move {
  const { phase } = state;
  assert(phase.name === "idle", `the slot is ${phase.name}: one transaction at a time, use another slot`);
  const participants = checkedParticipants(named);
  const epoch = state.used + 1;
  const isReserved = epoch <= state.reserved;
  const reserved = isReserved ? state.reserved : epoch + options.epochBlock - 1;
  const [first = "", ...others] = participants;
  const alone = others.length === 0;
  return {
    state: {
      phase: alone
        ? { name: "delegated", epoch, participant: first }
        : { name: "preparing", epoch, participants, yes: [], readOnly: [] },
      used: epoch,
      reserved,
      resendAt: now + options.resendMs,
      // Who decides alone may have committed: no time after which this one may say otherwise.
      limitAt: alone ? null : now + options.voteTimeoutMs,
    },
    effects: [
      ...(isReserved ? [] : [force<Record>({ type: "reserved", epoch: reserved })]),
      ...sendAll<Message>(participants, { type: "prepare", epoch, alone }),
    ],
  };
}

function onMessage(options: Options, state: State, from: ProcessId, message: Message, now: number): Move {
  switch (message.type) {
    case "vote":
      return onVote(options, state, from, message.epoch, message.vote, now);
    case "committed":
      return onCommitted(state, from, message.epoch);
    case "inquire":
      return onInquire(state, from, message.epoch);
    default:
      return stay(state);
  }
}

function onVote(options: Options, state: State, from: ProcessId, epoch: Epoch, vote: Vote, now: number): Move {
  const { phase } = state;
  if (phase.name === "delegated" && phase.epoch === epoch && phase.participant === from) {
    // It can't have said yes: alone it either commits or does not. A reader has nothing to commit.
    return vote === "yes" ? stay(state) : toIdle(state, [conclude(epoch, vote === "no" ? "aborted" : "committed")]);
  }
  const isAwaited = phase.name === "preparing" && phase.epoch === epoch && phase.participants.includes(from);
  // A promise that came too late: that participant waits to hear how it ended.
  if (!isAwaited) return vote === "yes" ? onInquire(state, from, epoch) : stay(state);
  if (phase.yes.includes(from) || phase.readOnly.includes(from)) return stay(state);
  if (vote === "no") return abort(state, { ...phase, participants: without(phase.participants, [from]) });
  const voted: Preparing = { ...phase, [vote]: withProcess(phase[vote], from) };
  if (voted.yes.length + voted.readOnly.length < voted.participants.length) return stay({ ...state, phase: voted });
  return decide(options, state, voted, now);
}

/** Nobody refused. */
function decide({ resendMs }: Options, state: State, { epoch, yes }: Preparing, now: number): Move {
  const committed = conclude(epoch, "committed");
  if (yes.length === 0) return toIdle(state, [committed]);
  return {
    state: { ...state, phase: { name: "committing", epoch, waiting: yes }, resendAt: now + resendMs, limitAt: null },
    effects: [
      force({ type: "committed", epoch, participants: yes }),
      committed,
      ...sendAll<Message>(yes, { type: "commit", epoch }),
    ],
  };
}

/** Nothing is written, and no answer awaited: who does not hear of it will ask. */
function abort(state: State, { epoch, participants, readOnly }: Preparing): Move {
  const concerned = without(participants, readOnly);
  return toIdle(state, [conclude(epoch, "aborted"), ...sendAll<Message>(concerned, { type: "abort", epoch })]);
}

function onCommitted(state: State, from: ProcessId, epoch: Epoch): Move {
  const { phase } = state;
  if (phase.name === "delegated" && phase.epoch === epoch && phase.participant === from) {
    return toIdle(state, [conclude(epoch, "committed")]);
  }
  if (phase.name !== "committing" || phase.epoch !== epoch) return stay(state);
  const waiting = without(phase.waiting, [from]);
  if (waiting.length > 0) return stay({ ...state, phase: { ...phase, waiting } });
  return toIdle(state, [note({ type: "ended", epoch })]);
}

function onInquire(state: State, from: ProcessId, epoch: Epoch): Move {
  const { phase } = state;
  if (epoch > state.used) return stay(state);
  if (phase.name === "idle" || phase.epoch !== epoch) return answer(state, from, epoch, "aborted");
  return phase.name === "committing" ? answer(state, from, epoch, "committed") : stay(state);
}

function answer(state: State, to: ProcessId, epoch: Epoch, outcome: Outcome): Move {
  return { state, effects: [send(to, { type: outcome === "committed" ? "commit" : "abort", epoch })] };
}

function onTick({ resendMs }: Options, state: State, now: number): Move {
  const { phase } = state;
  const due = dueTimer(state, now);
  if (due === null || phase.name === "idle") return stay(state);
  if (due === "limit" && phase.name === "preparing") return abort(state, phase);
  const { epoch } = phase;
  return { state: { ...state, resendAt: now + resendMs }, effects: again() };

  function again(): Effects {
    switch (phase.name) {
      case "idle":
        return [];
      case "preparing": {
        const silent = without(phase.participants, [...phase.yes, ...phase.readOnly]);
        return sendAll(silent, { type: "prepare", epoch, alone: false });
      }
      case "delegated":
        return [send(phase.participant, { type: "prepare", epoch, alone: true })];
      case "committing":
        return sendAll(phase.waiting, { type: "commit", epoch });
      default:
        return unreachable(phase, "phase");
    }
  }
}

function toIdle(state: State, effects: Effects): Move {
  return { state: { ...state, phase: { name: "idle" }, resendAt: null, limitAt: null }, effects };
}

function stay(state: State): Move {
  return { state, effects: [] };
}
