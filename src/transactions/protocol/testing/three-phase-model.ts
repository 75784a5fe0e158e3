/** Three-phase commit for the simulators. */
import type { ProcessId } from "../machine.ts";
import { without } from "../processes.ts";
import type {
  Doubt,
  ThreePhaseCoordinatorDurable,
  ThreePhaseCoordinatorPhase,
  ThreePhaseMessage,
  ThreePhaseParticipantDurable,
  ThreePhaseParticipantPhase,
} from "../three-phase/contract.ts";
import { threePhaseCoordinator } from "../three-phase/coordinator.ts";
import { threePhaseParticipant } from "../three-phase/participant.ts";
import { leaderOf } from "../three-phase/termination.ts";
import { coordinatorId, type Model, type ModelMachine, type ModelState, type ModelTimes, roleOf } from "./model.ts";

export const threePhaseModel: Model = {
  name: "3PC",
  votes: ["yes", "no"],
  machineOf,
  phaseOf(state) {
    const phase = phaseOf(state);
    return phase.name === "inDoubt" ? `${phase.standing}, ${phase.pursuit.name}` : phase.name;
  },
  logOf(role, durable) {
    if (role === "participant") return (durable as ThreePhaseParticipantDurable).doubt?.standing ?? "nothing";
    const { step } = durable as ThreePhaseCoordinatorDurable;
    return step === "ended" ? "nothing" : step;
  },
  waitsFor(id, state) {
    const phase = phaseOf(state);
    switch (phase.name) {
      case "asking":
        return without(phase.participants, phase.yes);
      case "preCommitting":
        return phase.waiting;
      case "inDoubt":
        return waitsFor(id, phase);
      default:
        return [];
    }
  },
  inDoubt: (state) => phaseOf(state).name === "inDoubt",
  bears(role, durable, message) {
    const said = message as ThreePhaseMessage;
    return role === "coordinator"
      ? bearsOrder(durable as ThreePhaseCoordinatorDurable, said)
      : bearsReply(durable as ThreePhaseParticipantDurable, said);
  },
};

function phaseOf(state: ModelState): ThreePhaseCoordinatorPhase | ThreePhaseParticipantPhase {
  return state.phase as ThreePhaseCoordinatorPhase | ThreePhaseParticipantPhase;
}

function waitsFor(id: ProcessId, doubt: Doubt): readonly ProcessId[] {
  const { pursuit, participants } = doubt;
  switch (pursuit.name) {
    case "following":
      return [leaderOf(doubt, coordinatorId)];
    case "collecting":
      return without(participants, [id, ...pursuit.absent, ...pursuit.heard.map(({ from }) => from)]);
    case "spreading":
      return pursuit.waiting;
    default:
      return [];
  }
}

function machineOf(id: ProcessId, { answerMs, patienceMs, resendMs }: ModelTimes): ModelMachine {
  const machine =
    roleOf(id) === "coordinator"
      ? threePhaseCoordinator({ answerTimeoutMs: answerMs, resendMs })
      : threePhaseParticipant({ id, coordinator: coordinatorId, answerTimeoutMs: answerMs, patienceMs, resendMs });
  return machine;
}

function bearsOrder({ epoch, step, decided }: ThreePhaseCoordinatorDurable, message: ThreePhaseMessage): boolean {
  switch (message.type) {
    case "canCommit":
      return epoch >= message.epoch;
    case "preCommit":
    case "standing":
      return epoch > message.epoch || step !== "begun";
    case "decide":
      return decided.epoch === message.epoch && decided.outcome === message.outcome;
    default:
      return true;
  }
}

function bearsReply({ doubt, decided }: ThreePhaseParticipantDurable, message: ThreePhaseMessage): boolean {
  const { epoch } = message;
  if (decided.epoch > epoch) return true;
  switch (message.type) {
    case "vote":
      return message.vote === "no" || doubt?.epoch === epoch || decided.epoch === epoch;
    case "preCommit":
    case "preCommitted":
      return decided.epoch === epoch || (doubt?.epoch === epoch && doubt.standing === "preCommitted");
    case "standing":
      return decided.epoch === epoch || (doubt?.epoch === epoch && doubt.standing === message.standing);
    case "decide":
      return decided.epoch === epoch && decided.outcome === message.outcome;
    case "done":
      return decided.epoch === epoch;
    default:
      return true;
  }
}
