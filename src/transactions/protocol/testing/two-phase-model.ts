/** Two-phase commit for the simulators. */
import type { ProcessId } from "../machine.ts";
import { without } from "../processes.ts";
import type {
  TwoPhaseCoordinatorDurable,
  TwoPhaseCoordinatorState,
  TwoPhaseMessage,
  TwoPhaseParticipantDurable,
  TwoPhaseParticipantState,
} from "../two-phase/contract.ts";
import { twoPhaseCoordinator } from "../two-phase/coordinator.ts";
import { twoPhaseParticipant } from "../two-phase/participant.ts";
import { coordinatorId, type Model, type ModelMachine, type ModelTimes, roleOf } from "./model.ts";

export const twoPhaseModel: Model = {
  name: "2PC",
  votes: ["yes", "no", "readOnly"],
  machineOf,
  phaseOf: ({ phase }) => phase.name,
  logOf(role, durable) {
    if (role === "participant") return (durable as TwoPhaseParticipantDurable).prepared > 0 ? "prepared" : "nothing";
    return (durable as TwoPhaseCoordinatorDurable).decision === null ? "nothing" : "committed";
  },
  waitsFor(id, state) {
    if (roleOf(id) === "participant") return [coordinatorId];
    const { phase } = state as TwoPhaseCoordinatorState;
    return phase.name === "preparing" ? without(phase.participants, [...phase.yes, ...phase.readOnly]) : [];
  },
  inDoubt: (state) => (state as TwoPhaseParticipantState).phase.name === "prepared",
  bears(role, durable, message) {
    const said = message as TwoPhaseMessage;
    return role === "coordinator"
      ? bearsOrder(durable as TwoPhaseCoordinatorDurable, said)
      : bearsReply(durable as TwoPhaseParticipantDurable, said);
  },
};

function machineOf(id: ProcessId, { answerMs, patienceMs, resendMs }: ModelTimes): ModelMachine {
  const machine =
    roleOf(id) === "coordinator"
      ? twoPhaseCoordinator({ voteTimeoutMs: patienceMs, resendMs, epochBlock: 2 })
      : twoPhaseParticipant({ coordinator: coordinatorId, answerTimeoutMs: answerMs, resendMs });
  return machine;
}

function bearsOrder({ reserved, decision }: TwoPhaseCoordinatorDurable, message: TwoPhaseMessage): boolean {
  switch (message.type) {
    case "prepare":
      return reserved >= message.epoch;
    case "commit":
      return decision?.epoch === message.epoch;
    default:
      return true;
  }
}

function bearsReply({ prepared, ended }: TwoPhaseParticipantDurable, message: TwoPhaseMessage): boolean {
  const { epoch } = message;
  const isOver = ended.epoch > epoch || (ended.epoch === epoch && ended.how === "committed");
  if (message.type === "committed") return isOver;
  // A promise about an epoch that is over binds nobody.
  return message.type !== "vote" || message.vote !== "yes" || prepared >= epoch || ended.epoch >= epoch;
}
