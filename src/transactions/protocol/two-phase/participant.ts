/**
 * A participant of two-phase commit with presumed abort, for one slot.
 *
 *           prepare          yes
 *    idle ──────────▶ voting ─────▶ prepared ── commit, abort ──▶ idle
 *                       └ no, readOnly, limit, abort, crash: idle
 *
 * Until it has said yes it may abort on its own, for any reason. Once it has, it must not: it asks until it is told.
 */
import { unreachable } from "../../../errors.ts";
import { ask, conclude, force, note, send } from "../effects.ts";
import { dueTimer, type Effect, type Epoch, type Machine, type Step } from "../machine.ts";
import type {
  TwoPhaseParticipantDurable as Durable,
  Ended,
  TwoPhaseParticipantEvent as Event,
  TwoPhaseMessage as Message,
  TwoPhaseParticipantOptions as Options,
  TwoPhaseParticipantRecord as Record,
  TwoPhaseParticipantState as State,
  TwoPhaseReply,
  Vote,
} from "./contract.ts";

type Move = Step<State, Message, Record>;
type Effects = readonly Effect<Message, Record>[];

export type TwoPhaseParticipant = Machine<State, Event, Message, Record, Durable>;

export function twoPhaseParticipant(options: Options): TwoPhaseParticipant {
  return {
    blank: { prepared: 0, ended: { epoch: 0, how: "aborted" } },
    fold,
    recover: (durable, now) => recover(options, durable, now),
    step: (state, event, now) => step(options, state, event, now),
  };
}

function fold(durable: Durable, record: Record): Durable {
  switch (record.type) {
    case "prepared":
      return { ...durable, prepared: record.epoch };
    case "ended":
      return { prepared: 0, ended: { epoch: record.epoch, how: record.outcome } };
    default:
      return unreachable(record, "record");
  }
}

function recover(options: Options, { prepared, ended }: Durable, now: number): Move {
  const state: State = { phase: { name: "idle" }, ended, resendAt: null, limitAt: null };
  // The resource may not have got to know of it before the crash.
  const redo: Effects = ended.how === "committed" ? [conclude(ended.epoch, "committed")] : [];
  if (prepared === 0) return { state, effects: redo };
  return {
    state: { ...state, phase: { name: "prepared", epoch: prepared }, resendAt: now + options.resendMs },
    effects: [...redo, tell(options, { type: "inquire", epoch: prepared })],
  };
}

function step(options: Options, state: State, event: Event, now: number): Move {
  switch (event.type) {
    case "message":
      return onMessage(options, state, event.message, now);
    case "answered":
      return onAnswered(options, state, event.epoch, event.vote, now);
    case "tick":
      return onTick(options, state, now);
    default:
      return unreachable(event, "event");
  }
}

function onMessage(options: Options, state: State, message: Message, now: number): Move {
  switch (message.type) {
    case "prepare":
      return onPrepare(options, state, message.epoch, message.alone, now);
    case "commit":
      return onCommit(options, state, message.epoch);
    case "abort":
      return onAbort(state, message.epoch);
    default:
      return stay(state);
  }
}

function onPrepare(options: Options, state: State, epoch: Epoch, alone: boolean, now: number): Move {
  const { phase, ended } = state;
  if (epoch <= ended.epoch) return epoch === ended.epoch ? sayAgain(options, state) : stay(state);
  switch (phase.name) {
    case "idle":
      return voting([]);
    case "voting":
      if (epoch <= phase.epoch) return stay(state);
      // The coordinator has gone on, and this one has promised nothing.
      return voting([conclude(phase.epoch, "aborted")]);
    case "prepared":
      if (epoch < phase.epoch) return stay(state);
      if (epoch === phase.epoch) return { state, effects: [tell(options, { type: "vote", epoch, vote: "yes" })] };
      // The coordinator has gone on without this one, which is not to guess how the other transaction ended.
      return { state, effects: [tell(options, { type: "inquire", epoch: phase.epoch })] };
    default:
      return unreachable(phase, "phase");
  }

  function voting(before: Effects): Move {
    const limitAt = now + options.answerTimeoutMs;
    return {
      state: { ...state, phase: { name: "voting", epoch, alone }, resendAt: null, limitAt },
      effects: [...before, ask(epoch)],
    };
  }
}

/** It is over here: the answer was lost. */
function sayAgain(options: Options, state: State): Move {
  const { epoch, how } = state.ended;
  const reply: TwoPhaseReply =
    how === "committed"
      ? { type: "committed", epoch }
      : { type: "vote", epoch, vote: how === "readOnly" ? "readOnly" : "no" };
  return { state, effects: [tell(options, reply)] };
}

function onAnswered(options: Options, state: State, epoch: Epoch, vote: Vote, now: number): Move {
  const { phase } = state;
  if (phase.name !== "voting" || phase.epoch !== epoch) return stay(state);
  if (vote === "yes") return phase.alone ? commit(options, epoch) : promise(options, state, epoch, now);
  const voted = tell(options, { type: "vote", epoch, vote });
  if (vote === "readOnly") return toIdle({ epoch, how: "readOnly" }, [voted]);
  return toIdle({ epoch, how: "aborted" }, [conclude(epoch, "aborted"), voted]);
}

function promise(options: Options, state: State, epoch: Epoch, now: number): Move {
  return {
    state: { ...state, phase: { name: "prepared", epoch }, resendAt: now + options.resendMs, limitAt: null },
    effects: [force({ type: "prepared", epoch }), tell(options, { type: "vote", epoch, vote: "yes" })],
  };
}

function onCommit(options: Options, state: State, epoch: Epoch): Move {
  const { phase, ended } = state;
  if (phase.name === "prepared" && phase.epoch === epoch) return commit(options, epoch);
  const isKnown = epoch < ended.epoch || (epoch === ended.epoch && ended.how === "committed");
  return isKnown ? { state, effects: [tell(options, { type: "committed", epoch })] } : stay(state);
}

function commit(options: Options, epoch: Epoch): Move {
  return toIdle({ epoch, how: "committed" }, [
    force({ type: "ended", epoch, outcome: "committed" }),
    conclude(epoch, "committed"),
    tell(options, { type: "committed", epoch }),
  ]);
}

function onAbort(state: State, epoch: Epoch): Move {
  const { phase, ended } = state;
  if (epoch <= ended.epoch) return stay(state);
  const aborted: Ended = { epoch, how: "aborted" };
  // A "prepare" that comes later is refused.
  if (phase.name === "idle") return toIdle(aborted, []);
  if (phase.epoch !== epoch) return stay(state);
  if (phase.name === "voting") return toIdle(aborted, [conclude(epoch, "aborted")]);
  // Not forced: without the record it is in doubt again, asks, and is told the same.
  return toIdle(aborted, [note({ type: "ended", epoch, outcome: "aborted" }), conclude(epoch, "aborted")]);
}

function onTick(options: Options, state: State, now: number): Move {
  const { phase } = state;
  const due = dueTimer(state, now);
  if (due === null) return stay(state);
  if (due === "limit" && phase.name === "voting") return onAnswered(options, state, phase.epoch, "no", now);
  if (phase.name !== "prepared") return stay(state);
  return {
    state: { ...state, resendAt: now + options.resendMs },
    effects: [tell(options, { type: "inquire", epoch: phase.epoch })],
  };
}

function tell({ coordinator }: Options, reply: TwoPhaseReply): Effect<Message, Record> {
  return send(coordinator, reply);
}

function toIdle(ended: Ended, effects: Effects): Move {
  return { state: { phase: { name: "idle" }, ended, resendAt: null, limitAt: null }, effects };
}

function stay(state: State): Move {
  return { state, effects: [] };
}
