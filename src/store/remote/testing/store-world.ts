/** A remote store before scripted members, in virtual time. */
import { SeededRandom } from "../../../consensus/random.ts";
import type { Clock } from "../../../environment.ts";
import { ClockRate, VirtualClock } from "../../../virtual/clock.ts";
import { VirtualProcess } from "../../../virtual/process.ts";
import { streamFrom, VirtualRandom } from "../../../virtual/random.ts";
import { settle } from "../../../virtual/testing/settle.ts";
import { Timeline } from "../../../virtual/timeline.ts";
import type { PutRequest, RangeRequest, ResponseHeader } from "../../../wire/kv.ts";
import type { WatchRequest } from "../../store.ts";
import type { RemoteStoreOptions } from "../options.ts";
import { RemoteStore } from "../remote-store.ts";
import { ScriptedMember } from "./scripted-member.ts";

/** A promise that a test waits for must settle within this virtual time, ms. */
const PATIENCE_MS = 600_000;

export class StoreWorld {
  readonly timeline: Timeline = new Timeline(settle);
  readonly random: SeededRandom;
  readonly clock: Clock;

  constructor(seed = 1) {
    this.random = new SeededRandom(seed);
    this.clock = new VirtualClock(this.timeline, new ClockRate(this.timeline), new VirtualProcess(this.timeline));
  }

  members(...endpoints: readonly string[]): ScriptedMember[] {
    return endpoints.map((endpoint) => new ScriptedMember(endpoint, this.clock));
  }

  store(members: readonly ScriptedMember[], options: Partial<RemoteStoreOptions> = {}): RemoteStore {
    const random = new VirtualRandom(streamFrom(this.random));
    return new RemoteStore({ ...options, diallers: members, clock: this.clock, random });
  }

  /** Lets time pass. */
  async pass(ms: number): Promise<void> {
    await this.timeline.run(ms);
  }

  /** Lets time pass until the promise settles. */
  async play<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    const note = (): void => {
      settled = true;
    };
    promise.then(note, note);
    const ended = await this.timeline.run(PATIENCE_MS, () => settled);
    if (!ended) throw new Error(`nothing came of it within ${PATIENCE_MS} virtual milliseconds`);
    return promise;
  }
}

export function header(revision: number): ResponseHeader {
  return { clusterId: 1n, memberId: 1n, revision, raftTerm: 1 };
}

export function rangeOf(key: string, more: Partial<RangeRequest> = {}): RangeRequest {
  return {
    key,
    rangeEnd: "",
    limit: 0,
    revision: 0,
    sortOrder: 0,
    sortTarget: 0,
    serializable: false,
    keysOnly: false,
    countOnly: false,
    minModRevision: 0,
    maxModRevision: 0,
    minCreateRevision: 0,
    maxCreateRevision: 0,
    ...more,
  };
}

export function putOf(key: string, value: string, more: Partial<PutRequest> = {}): PutRequest {
  return { key, value, lease: 0n, prevKv: false, ignoreValue: false, ignoreLease: false, ...more };
}

export function watchOf(key: string, more: Partial<WatchRequest> = {}): WatchRequest {
  return { key, rangeEnd: "", startRevision: 0, prevKv: false, without: [], progress: false, ...more };
}

/** The reply to a range, a put, as they come from the codec. */
export function ranged(revision: number, value?: string): unknown {
  const kv = { key: "a", createRevision: 1, modRevision: 1, version: 1, value, lease: 0n };
  const kvs = value === undefined ? [] : [kv];
  return { header: header(revision), result: { kvs, more: false, count: kvs.length, keysOnly: false } };
}

export function wasPut(revision: number): unknown {
  return { header: header(revision), result: { prevKv: null } };
}
