/** What holds of Multi-Paxos alone. */
import type { ObservedGroup, Property } from "../../properties/property.ts";
import { BallotsGrow } from "./ballots-grow.ts";
import { ChangesInTurn } from "./changes-in-turn.ts";
import { ChosenInOneBallot } from "./chosen-in-one-ballot.ts";
import { DecidedValuesStay } from "./decided-values-stay.ts";
import { Nontriviality } from "./nontriviality.ts";
import { OneValueABallot } from "./one-value-a-ballot.ts";
import { SlotConsistency } from "./slot-consistency.ts";

export function paxosProperties(group: ObservedGroup): readonly Property[] {
  return [
    new SlotConsistency(),
    new Nontriviality(group),
    new BallotsGrow(),
    new OneValueABallot(),
    new ChosenInOneBallot(group),
    new DecidedValuesStay(group),
    new ChangesInTurn(group),
  ];
}
