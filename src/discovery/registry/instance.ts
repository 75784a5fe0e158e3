/** What is said of an instance of a service, and how it is written. */
import { checkNodes, type PlacementNode } from "../../placement/placement.ts";
import type { LeaseId } from "../../wire/kv.ts";
import { invalid } from "./errors.ts";

/**
 * - `up`: takes calls.
 * - `down`: one of its health checks fails, or has not passed yet.
 * - `draining`: ends what it does, and takes nothing new.
 * - `maintenance`: taken out by somebody, for a reason.
 */
export type InstanceState = "up" | "down" | "draining" | "maintenance";

/** What an instance says of itself when it registers. */
export interface InstanceDescription {
  readonly service: string;
  /** Its own within the service. Default: drawn by chance, another one each time. */
  readonly id?: string;
  /** An IP address, or a name of DNS. */
  readonly address: string;
  /** From 1 to 65535. */
  readonly port: number;
  /** Its share of the calls, relative to the others'. Above 0, at most 1,000. Default 1. */
  readonly weight?: number;
  /** Where it stands: a rack, a data centre. */
  readonly zone?: string;
  readonly tags?: readonly string[];
  readonly metadata?: Readonly<Record<string, string>>;
}

/** What may change of an instance while it is registered. */
export type InstanceChange = Pick<InstanceDescription, "weight" | "zone" | "tags" | "metadata">;

/** An instance as others see it. */
export interface Instance extends PlacementNode {
  readonly service: string;
  readonly id: string;
  readonly address: string;
  readonly port: number;
  readonly weight: number;
  readonly zone?: string;
  readonly tags: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly state: InstanceState;
  /** Why it is not `up`; may be empty. */
  readonly reason: string;
  /** Of its session. */
  readonly lease: LeaseId;
  /** Greater than that of all who were registered with this id before. */
  readonly fence: bigint;
}

/** Which instances. What is left out does not matter. */
export interface InstanceFilter {
  /** All of these. */
  readonly tags?: readonly string[];
  readonly zone?: string;
  /** Default: only `up`. */
  readonly states?: readonly InstanceState[] | "all";
}

/** What is written of an instance: its description, with nothing left out, and its state. */
export type InstanceRecord = Required<Omit<InstanceDescription, "service" | "id" | "zone">> &
  Pick<InstanceDescription, "zone"> &
  Pick<Instance, "state" | "reason">;

/** @throws QuorateError `INVALID_ARGUMENT` naming what cannot be used */
export function checkDescription(id: string, { service, address, port, ...more }: InstanceDescription): void {
  const { weight, zone, tags = [], metadata = {} } = more;
  const what = `instance ${JSON.stringify(id)} of service ${JSON.stringify(service)}`;
  if (typeof address !== "string" || !/^[^\s/]+$/.test(address)) {
    throw invalid(`the address of ${what} is ${JSON.stringify(address)}: give an IP address or a host's name`);
  }
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw invalid(`the port of ${what} is ${String(port)}: give a whole number from 1 to 65535`);
  }
  checkNodes([{ id, ...(weight === undefined ? {} : { weight }) }]);
  if (zone !== undefined && (typeof zone !== "string" || zone === "")) {
    throw invalid(`the zone of ${what} is ${JSON.stringify(zone)}: give a text that is not empty, or leave it out`);
  }
  if (!Array.isArray(tags) || tags.some((tag) => typeof tag !== "string" || tag === "")) {
    throw invalid(`the tags of ${what} are ${JSON.stringify(tags)}: give a list of texts that are not empty`);
  }
  for (const [name, value] of Object.entries(metadata)) {
    if (typeof value !== "string") {
      throw invalid(`metadata ${JSON.stringify(name)} of ${what} is ${JSON.stringify(value)}: give a text`);
    }
  }
}

/** @param number differs from write to write, so that none is taken for another */
export function encodeRecord(record: InstanceRecord, number: number): string {
  return JSON.stringify({ ...record, number });
}

/** Null: it was not written by this library. */
export function decodeRecord(text: string): InstanceRecord | null {
  try {
    const read = JSON.parse(text) as InstanceRecord;
    const { address, port, weight, zone, tags, metadata, state, reason } = read;
    const description = {
      service: "?",
      address,
      port,
      weight,
      tags,
      metadata,
      ...(zone === undefined ? {} : { zone }),
    };
    checkDescription("?", description);
    if (!STATES.includes(state) || typeof reason !== "string") return null;
    return { address, port, weight, tags, metadata, state, reason, ...(zone === undefined ? {} : { zone }) };
  } catch {
    return null;
  }
}

const STATES: readonly InstanceState[] = ["up", "down", "draining", "maintenance"];

export function isWanted(instance: Instance, { tags = [], zone, states = ["up"] }: InstanceFilter): boolean {
  if (zone !== undefined && instance.zone !== zone) return false;
  if (states !== "all" && !states.includes(instance.state)) return false;
  return tags.every((tag) => instance.tags.includes(tag));
}
