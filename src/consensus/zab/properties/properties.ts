/**
 * What Zab demands of a group: the ten properties of its TLA+ specification (`Zab.tla`, apache/zookeeper,
 * zookeeper-specifications/protocol-spec), by its names, and one that the specification takes for granted.
 */
import type { ObservedGroup, Property } from "../../properties/property.ts";
import { Agreement } from "./agreement.ts";
import { CommittedByAdoption } from "./committed-by-adoption.ts";
import { GlobalPrimaryOrder } from "./global-primary-order.ts";
import { Integrity } from "./integrity.ts";
import { Leadership1 } from "./leadership-1.ts";
import { Leadership2 } from "./leadership-2.ts";
import { LocalPrimaryOrder } from "./local-primary-order.ts";
import { PrefixConsistency } from "./prefix-consistency.ts";
import { PrimaryIntegrity } from "./primary-integrity.ts";
import { Proposals } from "./proposals.ts";
import { ShouldNotBeTriggered } from "./should-not-be-triggered.ts";
import { TotalOrder } from "./total-order.ts";

export function zabProperties(group: ObservedGroup): readonly Property[] {
  return [...specifiedProperties(group), new CommittedByAdoption(group)];
}

/** The ten, for one group. The first keeps the account of proposals that others read. */
export function specifiedProperties(group: ObservedGroup): readonly Property[] {
  const proposals = new Proposals();
  return [
    new ShouldNotBeTriggered(proposals),
    new Leadership1(group),
    new Leadership2(),
    new PrefixConsistency(),
    new Integrity(proposals),
    new Agreement(),
    new TotalOrder(),
    new LocalPrimaryOrder(proposals),
    new GlobalPrimaryOrder(),
    new PrimaryIntegrity(),
  ];
}
