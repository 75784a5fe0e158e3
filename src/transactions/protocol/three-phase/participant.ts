/**
 * A participant of three-phase commit, for one slot. What it does when nobody tells it how it ends is in termination.ts.
 *
 *           canCommit        yes               preCommit
 *    idle ───────────▶ voting ─────▶ prepared ──────────▶ preCommitted
 *                        │              │ decide             │ decide
 *                        │              ▼                    ▼
 *                        └ no, limit: idle (over)         idle (over)
 */
import { unreachable } from "../../../errors.ts";
import { ask, conclude, force, send } from "../effects.ts";
import { dueTimer, type Epoch, type Machine, type Outcome, type ProcessId } from "../machine.ts";
import type {
  Doubt,
  ThreePhaseParticipantDurable as Durable,
  ThreePhaseParticipantEvent as Event,
  ThreePhaseMessage as Message,
  ThreePhaseParticipantOptions as Options,
  ThreePhaseParticipantRecord as Record,
  ThreePhaseParticipantState as State,
  ThreePhaseVote,
} from "./contract.ts";
import {
  announce,
  inquireAll,
  type Move,
  onLead,
  onLimit,
  onPreCommitted,
  onQuestion,
  onStanding,
  settle,
} from "./termination.ts";

export type ThreePhaseParticipant = Machine<State, Event, Message, Record, Durable>;

export function threePhaseParticipant(options: Options): ThreePhaseParticipant {
  return {
    blank: { doubt: null, decided: { epoch: 0, outcome: "aborted" } },
    fold,
    recover: (durable, now) => recover(options, durable, now),
    step: (state, event, now) => step(options, state, event, now),
  };
}

function fold(durable: Durable, record: Record): Durable {
  const { doubt } = durable;
  switch (record.type) {
    case "prepared":
      return {
        ...durable,
        doubt: { epoch: record.epoch, participants: record.participants, standing: "prepared" },
      };
    case "preCommitted":
      return doubt?.epoch === record.epoch ? { ...durable, doubt: { ...doubt, standing: "preCommitted" } } : durable;
    case "decided":
      return { doubt: null, decided: { epoch: record.epoch, outcome: record.outcome } };
    default:
      return unreachable(record, "record");
  }
}

function recover(options: Options, { doubt, decided }: Durable, now: number): Move {
  const state: State = { phase: { name: "idle" }, decided, resendAt: null, limitAt: null };
  if (doubt === null) {
    // The resource may not have got to know of it before the crash.
    return { state, effects: decided.epoch === 0 ? [] : [conclude(decided.epoch, decided.outcome)] };
  }
  const phase: Doubt = { name: "inDoubt", ...doubt, round: 0, pursuit: { name: "recovered", heard: [] } };
  return inquireAll(options, { ...state, phase }, phase, now);
}

function step(options: Options, state: State, event: Event, now: number): Move {
  switch (event.type) {
    case "message":
      return onMessage(options, state, event.from, event.message, now);
    case "answered":
      return onAnswered(options, state, event.epoch, event.vote, now);
    case "tick":
      return onTick(options, state, now);
    default:
      return unreachable(event, "event");
  }
}

function onMessage(options: Options, state: State, from: ProcessId, message: Message, now: number): Move {
  const { phase, decided } = state;
  const { epoch } = message;
  if (message.type === "decide") return onDecide(options, state, epoch, message.outcome);
  if (epoch === decided.epoch) return onBehind(state, from, message);
  if (epoch < decided.epoch) return stay(state);
  if (phase.name === "idle" || (phase.name === "voting" && phase.epoch === epoch)) {
    return onUnpromised(options, state, from, message, now);
  }
  if (phase.name !== "inDoubt" || phase.epoch !== epoch) return stay(state);
  switch (message.type) {
    case "canCommit":
      return { state, effects: [send(from, { type: "vote", epoch, vote: "yes" })] };
    case "preCommit":
      return onPreCommit(options, state, phase, from, message.round, now);
    case "question":
      return onQuestion(options, state, phase, from, message.round, now);
    case "standing":
      return onStanding(options, state, phase, from, message, now);
    case "preCommitted":
      return onPreCommitted(options, state, phase, from, message.round);
    case "lead":
      return onLead(options, state, phase, message.round, now);
    case "inquire": {
      const { standing, pursuit } = phase;
      // Who was not down will know how it ends, and is asked again.
      if (pursuit.name !== "recovered") return stay(state);
      return { state, effects: [send(from, { type: "standing", epoch, round: 0, standing, recovered: true })] };
    }
    default:
      return stay(state);
  }
}

/** It is over here, and somebody does not know. */
function onBehind(state: State, from: ProcessId, message: Message): Move {
  const { epoch, outcome } = state.decided;
  switch (message.type) {
    case "canCommit":
      return outcome === "committed"
        ? stay(state)
        : { state, effects: [send(from, { type: "vote", epoch, vote: "no" })] };
    case "question":
    case "lead":
    case "inquire":
    case "standing":
      return { state, effects: [send(from, { type: "decide", epoch, outcome })] };
    default:
      return stay(state);
  }
}

/** It has not said yes, so nobody has committed, and if it aborts nobody will. */
function onUnpromised(options: Options, state: State, from: ProcessId, message: Message, now: number): Move {
  const { epoch } = message;
  switch (message.type) {
    case "canCommit": {
      if (state.phase.name === "voting") return stay(state);
      const { participants } = message;
      const limitAt = now + options.answerTimeoutMs;
      return { state: { ...state, phase: { name: "voting", epoch, participants }, limitAt }, effects: [ask(epoch)] };
    }
    case "question":
    case "lead":
    case "inquire": {
      const { state: aborted, effects } = settle(state, epoch, "aborted");
      const told = send<Message>(from, { type: "decide", epoch, outcome: "aborted" });
      // The coordinator may still be waiting for its vote.
      const refused = send<Message>(options.coordinator, { type: "vote", epoch, vote: "no" });
      return { state: aborted, effects: [...effects, told, refused] };
    }
    default:
      return stay(state);
  }
}

function onAnswered(options: Options, state: State, epoch: Epoch, vote: ThreePhaseVote, now: number): Move {
  const { phase } = state;
  if (phase.name !== "voting" || phase.epoch !== epoch) return stay(state);
  const { participants } = phase;
  const voted = send<Message>(options.coordinator, { type: "vote", epoch, vote });
  if (vote === "no") {
    const { state: aborted, effects } = settle(state, epoch, "aborted");
    return { state: aborted, effects: [...effects, voted] };
  }
  const pursuit = { name: "following" } as const;
  return {
    state: {
      ...state,
      phase: { name: "inDoubt", epoch, participants, standing: "prepared", round: 0, pursuit },
      limitAt: now + options.patienceMs,
    },
    effects: [force({ type: "prepared", epoch, participants }), voted],
  };
}

function onPreCommit(options: Options, state: State, doubt: Doubt, from: ProcessId, round: number, now: number): Move {
  const { epoch } = doubt;
  // Who was down has been counted out, and takes no more part in it.
  if (doubt.pursuit.name === "recovered" || round < doubt.round) return stay(state);
  const phase: Doubt = { ...doubt, standing: "preCommitted", round, pursuit: { name: "following" } };
  const known = send<Message>(from, { type: "preCommitted", epoch, round });
  const record: Record = { type: "preCommitted", epoch };
  return {
    state: { ...state, phase, limitAt: now + options.patienceMs },
    effects: doubt.standing === "preCommitted" ? [known] : [force(record), known],
  };
}

function onDecide(options: Options, state: State, epoch: Epoch, outcome: Outcome): Move {
  const { phase, decided } = state;
  const done = send<Message>(options.coordinator, { type: "done", epoch });
  if (epoch <= decided.epoch) {
    return epoch < decided.epoch || outcome === decided.outcome ? { state, effects: [done] } : stay(state);
  }
  if (phase.name !== "idle" && phase.epoch !== epoch) return stay(state);
  // It can't be committed without this one's promise.
  if (phase.name !== "inDoubt" && outcome === "committed") return stay(state);
  // Those that follow it wait to hear it from this one.
  const isLeading = phase.name === "inDoubt" && ["collecting", "spreading"].includes(phase.pursuit.name);
  const { state: ended, effects } = isLeading
    ? announce(options, state, phase, outcome)
    : settle(state, epoch, outcome);
  return { state: ended, effects: [...effects, done] };
}

function onTick(options: Options, state: State, now: number): Move {
  const { phase } = state;
  if (dueTimer(state, now) === null) return stay(state);
  switch (phase.name) {
    case "idle":
      return stay(state);
    case "voting":
      return onAnswered(options, state, phase.epoch, "no", now);
    case "inDoubt":
      return onLimit(options, state, phase, now);
    default:
      return unreachable(phase, "phase");
  }
}

function stay(state: State): Move {
  return { state, effects: [] };
}
