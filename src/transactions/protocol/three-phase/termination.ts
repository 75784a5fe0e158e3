/**
 * How the participants of three-phase commit end a transaction whose coordinator is not heard any more.
 *
 * **Who leads.** Rounds are counted from 1, and in round r the r-th participant leads (then the first again). Who has
 * waited for long enough goes to the next round, and tells its leader. No quorum is asked for: who does not answer a
 * leader is taken for dead. That is what keeps it from blocking, and what makes it wrong when the network parts.
 *
 * **What a leader decides**, from what those say that answer and were never down:
 *
 *     somebody knows the outcome                    that one
 *     nobody does, but somebody is pre-committed    all others are pre-committed first, then: committed
 *     all are prepared                              aborted
 *
 * **Who was down** counts for nothing: the others have gone on without it. It asks until somebody knows. Only if everybody
 * was down, the coordinator too, and all have said that they know nothing, they decide by the same table.
 */
import { conclude, force, send, sendAll } from "../effects.ts";
import type { Effect, Epoch, Outcome, ProcessId, Step } from "../machine.ts";
import { without } from "../processes.ts";
import type {
  Doubt,
  Heard,
  ThreePhaseMessage as Message,
  ThreePhaseParticipantOptions as Options,
  ThreePhaseParticipantRecord as Record,
  Standing,
  ThreePhaseParticipantState as State,
} from "./contract.ts";

export type Move = Step<State, Message, Record>;
type StandingMessage = Extract<Message, { type: "standing" }>;

/** Who leads in a round: the coordinator in round 0, then the participants in their order, again and again. */
export function leaderOf(doubt: Pick<Doubt, "participants" | "round">, coordinator: ProcessId): ProcessId {
  const { participants, round } = doubt;
  return round === 0 ? coordinator : (participants[(round - 1) % participants.length] ?? coordinator);
}

/** Patience is at its end: with who leads, with those that this one asked, or, after a crash, with everybody. */
export function onLimit(options: Options, state: State, doubt: Doubt, now: number): Move {
  switch (doubt.pursuit.name) {
    case "following":
      return goOn(options, state, doubt, now);
    case "collecting":
      return judge(options, state, doubt, doubt.pursuit.heard, now);
    case "spreading":
      return announce(options, state, doubt, "committed");
    case "recovered":
      return inquireAll(options, state, doubt, now);
    default:
      return { state, effects: [] };
  }
}

/** To the next round. */
function goOn(options: Options, state: State, doubt: Doubt, now: number): Move {
  const next: Doubt = { ...doubt, round: doubt.round + 1 };
  const leader = leaderOf(next, options.coordinator);
  if (leader === options.id) return lead(options, state, next, now);
  const { epoch, round } = next;
  return {
    state: { ...state, phase: next, limitAt: now + options.patienceMs },
    effects: [send(leader, { type: "lead", epoch, round })],
  };
}

/** Somebody says that it is this one's turn. */
export function onLead(options: Options, state: State, doubt: Doubt, round: number, now: number): Move {
  const { pursuit } = doubt;
  const isLeading = round === doubt.round && pursuit.name !== "following";
  if (pursuit.name === "recovered" || round < doubt.round || isLeading) return { state, effects: [] };
  const next: Doubt = { ...doubt, round };
  return leaderOf(next, options.coordinator) === options.id ? lead(options, state, next, now) : { state, effects: [] };
}

function lead(options: Options, state: State, doubt: Doubt, now: number): Move {
  const { epoch, round, participants } = doubt;
  const phase: Doubt = { ...doubt, pursuit: { name: "collecting", heard: [], absent: [] } };
  const others = without(participants, [options.id]);
  if (others.length === 0) return judge(options, state, phase, [], now);
  return {
    state: { ...state, phase, limitAt: now + options.answerTimeoutMs },
    effects: sendAll([...others, options.coordinator], { type: "question", epoch, round }),
  };
}

export function onQuestion(
  options: Options,
  state: State,
  doubt: Doubt,
  from: ProcessId,
  round: number,
  now: number,
): Move {
  const { epoch, standing, pursuit } = doubt;
  const recovered = pursuit.name === "recovered";
  const said = send<Message>(from, { type: "standing", epoch, round, standing, recovered });
  if (recovered) return { state, effects: [said] };
  if (round < doubt.round) return { state, effects: [] };
  const phase: Doubt = { ...doubt, round, pursuit: { name: "following" } };
  return { state: { ...state, phase, limitAt: now + options.patienceMs }, effects: [said] };
}

export function onStanding(
  options: Options,
  state: State,
  doubt: Doubt,
  from: ProcessId,
  message: StandingMessage,
  now: number,
): Move {
  const { pursuit, round, participants } = doubt;
  const { standing, recovered } = message;
  if (pursuit.name === "recovered" && recovered) {
    const heard = noted(pursuit.heard, from, standing);
    const everybody = [...without(participants, [options.id]), options.coordinator];
    const phase: Doubt = { ...doubt, pursuit: { ...pursuit, heard } };
    if (heard.length < everybody.length) return { state: { ...state, phase }, effects: [] };
    return announce(options, state, doubt, isPreCommitted(doubt, heard) ? "committed" : "aborted");
  }
  if (pursuit.name !== "collecting" || message.round !== round) return { state, effects: [] };
  const heard = recovered ? pursuit.heard : noted(pursuit.heard, from, standing);
  const absent = recovered ? [...without(pursuit.absent, [from]), from].sort() : pursuit.absent;
  const phase: Doubt = { ...doubt, pursuit: { ...pursuit, heard, absent } };
  if (heard.length + absent.length < participants.length - 1) return { state: { ...state, phase }, effects: [] };
  return judge(options, state, phase, heard, now);
}

function noted(heard: readonly Heard[], from: ProcessId, standing: Standing): readonly Heard[] {
  const others = heard.filter((one) => one.from !== from);
  return [...others, { from, standing }].sort((a, b) => (a.from < b.from ? -1 : 1));
}

function isPreCommitted(doubt: Doubt, heard: readonly Heard[]): boolean {
  return doubt.standing === "preCommitted" || heard.some(({ standing }) => standing === "preCommitted");
}

/** Nobody knows the outcome, so the leader finds one that nobody can have contradicted. */
function judge(options: Options, state: State, doubt: Doubt, heard: readonly Heard[], now: number): Move {
  if (!isPreCommitted(doubt, heard)) return announce(options, state, doubt, "aborted");
  const { epoch, round } = doubt;
  const record: Record = { type: "preCommitted", epoch };
  const own = doubt.standing === "preCommitted" ? [] : [force(record)];
  const waiting = heard.filter(({ standing }) => standing === "prepared").map(({ from }) => from);
  const knowing: Doubt = { ...doubt, standing: "preCommitted", pursuit: { name: "spreading", waiting } };
  if (waiting.length === 0) {
    const { state: decided, effects } = announce(options, state, knowing, "committed");
    return { state: decided, effects: [...own, ...effects] };
  }
  return {
    state: { ...state, phase: knowing, limitAt: now + options.answerTimeoutMs },
    effects: [...own, ...sendAll<Message>(waiting, { type: "preCommit", epoch, round })],
  };
}

export function onPreCommitted(options: Options, state: State, doubt: Doubt, from: ProcessId, round: number): Move {
  const { pursuit } = doubt;
  if (pursuit.name !== "spreading" || round !== doubt.round) return { state, effects: [] };
  const waiting = without(pursuit.waiting, [from]);
  const phase: Doubt = { ...doubt, pursuit: { ...pursuit, waiting } };
  return waiting.length > 0
    ? { state: { ...state, phase }, effects: [] }
    : announce(options, state, doubt, "committed");
}

/** This one knows how it ends: it says so to everybody, the coordinator too. */
export function announce(options: Options, state: State, doubt: Doubt, outcome: Outcome): Move {
  const { epoch, participants } = doubt;
  const { state: settled, effects } = settle(state, epoch, outcome);
  const to = [...without(participants, [options.id]), options.coordinator];
  return { state: settled, effects: [...effects, ...sendAll<Message>(to, { type: "decide", epoch, outcome })] };
}

/** It is over here. */
export function settle(state: State, epoch: Epoch, outcome: Outcome): Move {
  const record: Record = { type: "decided", epoch, outcome };
  const effects: Effect<Message, Record>[] = [force(record), conclude(epoch, outcome)];
  return {
    state: { ...state, phase: { name: "idle" }, decided: { epoch, outcome }, resendAt: null, limitAt: null },
    effects,
  };
}

/** After a crash. */
export function inquireAll(options: Options, state: State, doubt: Doubt, now: number): Move {
  const { epoch, participants } = doubt;
  return {
    state: { ...state, phase: doubt, resendAt: now + options.resendMs, limitAt: null },
    effects: sendAll([...without(participants, [options.id]), options.coordinator], { type: "inquire", epoch }),
  };
}
