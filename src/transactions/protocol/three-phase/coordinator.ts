/**
 * The coordinator of three-phase commit, for one slot.
 *
 *          begin         all yes                all know, or limit           all have it
 *   idle ─────────▶ asking ─────▶ preCommitting ──────────────────▶ ending ────────────▶ idle
 *                     │                 │ crash                       ▲
 *                     │                 └───────▶ inquiring ──────────┤ somebody knows
 *                     └──────── no, limit, crash: aborted ────────────┘
 *
 * Once a pre-commit may have been said it decides nothing after a crash: the participants have, without it.
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
  ThreePhaseCoordinatorDurable as Durable,
  ThreePhaseCoordinatorEvent as Event,
  ThreePhaseMessage as Message,
  ThreePhaseCoordinatorOptions as Options,
  ThreePhaseCoordinatorRecord as Record,
  ThreePhaseCoordinatorState as State,
  ThreePhaseVote,
} from "./contract.ts";

type Move = Step<State, Message, Record>;
type Effects = readonly Effect<Message, Record>[];

export type ThreePhaseCoordinator = Machine<State, Event, Message, Record, Durable>;

export function threePhaseCoordinator(options: Options): ThreePhaseCoordinator {
  return {
    blank: { epoch: 0, participants: [], step: "ended", decided: { epoch: 0, outcome: "aborted" } },
    fold,
    recover: (durable, now) => recover(options, durable, now),
    step: (state, event, now) => step(options, state, event, now),
  };
}

function fold(durable: Durable, record: Record): Durable {
  switch (record.type) {
    case "begun":
      return { ...durable, epoch: record.epoch, participants: record.participants, step: "begun" };
    case "preCommitted":
      return { ...durable, step: "preCommitted" };
    case "decided":
      return { ...durable, step: record.outcome, decided: { epoch: record.epoch, outcome: record.outcome } };
    case "ended":
      return { ...durable, step: "ended" };
    default:
      return unreachable(record, "record");
  }
}

function recover(options: Options, durable: Durable, now: number): Move {
  const { epoch, participants, decided } = durable;
  const state: State = { phase: { name: "idle" }, epoch, decided, resendAt: null, limitAt: null };
  switch (durable.step) {
    case "ended":
      return stay(state);
    case "begun":
      // No pre-commit was said, so nobody has committed.
      return decide(options, state, participants, "aborted", now);
    case "preCommitted":
      return {
        state: {
          ...state,
          phase: { name: "inquiring", epoch, participants, unknowing: [] },
          resendAt: now + options.resendMs,
        },
        effects: sendAll(participants, { type: "inquire", epoch }),
      };
    case "committed":
    case "aborted":
      return announce(options, state, participants, durable.step, now);
    default:
      return unreachable(durable.step, "step");
  }
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
  const epoch = state.epoch + 1;
  return {
    state: {
      ...state,
      phase: { name: "asking", epoch, participants, yes: [] },
      epoch,
      limitAt: now + options.answerTimeoutMs,
    },
    effects: [
      force({ type: "begun", epoch, participants }),
      ...sendAll<Message>(participants, { type: "canCommit", epoch, participants }),
    ],
  };
}

function onMessage(options: Options, state: State, from: ProcessId, message: Message, now: number): Move {
  const { phase, decided } = state;
  const { epoch } = message;
  // Who asks about what is decided is told, whatever it asks.
  if (message.type === "inquire" || message.type === "question") {
    if (epoch === decided.epoch) return tell(state, from, { type: "decide", epoch, outcome: decided.outcome });
    const alsoAsks = message.type === "inquire" && phase.name === "inquiring" && phase.epoch === epoch;
    const standing: Message = { type: "standing", epoch, round: 0, standing: "preCommitted", recovered: true };
    return alsoAsks ? tell(state, from, standing) : stay(state);
  }
  if (phase.name === "idle" || phase.epoch !== epoch) return stay(state);
  switch (message.type) {
    case "vote":
      return onVote(options, state, from, message.vote, now);
    case "preCommitted":
      return message.round === 0 ? onPreCommitted(options, state, from, now) : stay(state);
    case "standing":
      return message.recovered ? onUnknowing(options, state, from, now) : stay(state);
    case "decide":
      // The participants went on without this one.
      return phase.name === "ending" ? stay(state) : decide(options, state, phase.participants, message.outcome, now);
    case "done":
      return onDone(state, from);
    default:
      return stay(state);
  }
}

function onVote(options: Options, state: State, from: ProcessId, vote: ThreePhaseVote, now: number): Move {
  const { phase } = state;
  if (phase.name !== "asking" || !phase.participants.includes(from)) return stay(state);
  const { epoch, participants } = phase;
  if (vote === "no") return decide(options, state, participants, "aborted", now);
  const yes = withProcess(phase.yes, from);
  if (yes.length < participants.length) return stay({ ...state, phase: { ...phase, yes } });
  return {
    state: {
      ...state,
      phase: { name: "preCommitting", epoch, participants, waiting: participants },
      limitAt: now + options.answerTimeoutMs,
    },
    effects: [
      force({ type: "preCommitted", epoch }),
      ...sendAll<Message>(participants, { type: "preCommit", epoch, round: 0 }),
    ],
  };
}

function onPreCommitted(options: Options, state: State, from: ProcessId, now: number): Move {
  const { phase } = state;
  if (phase.name !== "preCommitting") return stay(state);
  const waiting = without(phase.waiting, [from]);
  if (waiting.length > 0) return stay({ ...state, phase: { ...phase, waiting } });
  return decide(options, state, phase.participants, "committed", now);
}

/** All were down, this one too: then nobody has decided, and as a pre-commit was said there is nothing against it. */
function onUnknowing(options: Options, state: State, from: ProcessId, now: number): Move {
  const { phase } = state;
  if (phase.name !== "inquiring" || !phase.participants.includes(from)) return stay(state);
  const unknowing = withProcess(phase.unknowing, from);
  if (unknowing.length < phase.participants.length) return stay({ ...state, phase: { ...phase, unknowing } });
  return decide(options, state, phase.participants, "committed", now);
}

function onDone(state: State, from: ProcessId): Move {
  const { phase } = state;
  if (phase.name !== "ending") return stay(state);
  const waiting = without(phase.waiting, [from]);
  if (waiting.length > 0) return stay({ ...state, phase: { ...phase, waiting } });
  return {
    state: { ...state, phase: { name: "idle" }, resendAt: null, limitAt: null },
    effects: [note({ type: "ended", epoch: phase.epoch })],
  };
}

function onTick(options: Options, state: State, now: number): Move {
  const { phase } = state;
  if (phase.name === "idle" || dueTimer(state, now) === null) return stay(state);
  const { epoch, participants } = phase;
  const resendAt = now + options.resendMs;
  switch (phase.name) {
    case "asking":
      return decide(options, state, participants, "aborted", now);
    case "preCommitting":
      // Who does not answer is dead, and hears of it when it comes back.
      return decide(options, state, participants, "committed", now);
    case "inquiring":
      return { state: { ...state, resendAt }, effects: sendAll(participants, { type: "inquire", epoch }) };
    case "ending":
      return {
        state: { ...state, resendAt },
        effects: sendAll(phase.waiting, { type: "decide", epoch, outcome: phase.outcome }),
      };
    default:
      return unreachable(phase, "phase");
  }
}

function decide(
  options: Options,
  state: State,
  participants: readonly ProcessId[],
  outcome: Outcome,
  now: number,
): Move {
  const epoch: Epoch = state.epoch;
  const { state: ending, effects } = announce(options, state, participants, outcome, now);
  return { state: ending, effects: [force({ type: "decided", epoch, outcome }), ...effects] };
}

function announce(
  { resendMs }: Options,
  state: State,
  participants: readonly ProcessId[],
  outcome: Outcome,
  now: number,
): Move {
  const { epoch } = state;
  const effects: Effects = [
    conclude(epoch, outcome),
    ...sendAll(participants, { type: "decide" as const, epoch, outcome }),
  ];
  return {
    state: {
      ...state,
      phase: { name: "ending", epoch, participants, outcome, waiting: participants },
      decided: { epoch, outcome },
      resendAt: now + resendMs,
      limitAt: null,
    },
    effects,
  };
}

function tell(state: State, to: ProcessId, message: Message): Move {
  return { state, effects: [send(to, message)] };
}

function stay(state: State): Move {
  return { state, effects: [] };
}
