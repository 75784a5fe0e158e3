/** Scripted members that put watches in place, and what tests say to and hear from their streams. */
import assert from "node:assert/strict";
import { GrpcStatus } from "../../../errors.ts";
import type { WatchEvent, WatchResponse } from "../../../wire/kv.ts";
import * as methods from "../../../wire/methods.ts";
import type { CallFailure } from "../../channel.ts";
import type { Watch, WatchBatch } from "../../store.ts";
import { failure, type ScriptedMember, type ScriptedStream } from "./scripted-member.ts";
import { header, ranged, StoreWorld } from "./store-world.ts";

export interface Creation {
  readonly watchId: bigint;
  readonly startRevision: bigint;
}

/** The requests of one kind that a stream has heard. */
export function heard<T = Creation>(stream: ScriptedStream, kind: string): T[] {
  return (stream.requests as { requestUnion: { case: string; value: T } }[])
    .filter(({ requestUnion }) => requestUnion.case === kind)
    .map(({ requestUnion }) => requestUnion.value);
}

export function response(watchId: number, revision: number, more: Partial<WatchResponse> = {}): WatchResponse {
  const empty = { created: false, canceled: false, compactRevision: 0, cancelReason: "", fragment: false, events: [] };
  return { header: header(revision), watchId, ...empty, ...more };
}

export function put(key: string, modRevision: number): WatchEvent {
  const kv = { key, createRevision: modRevision, modRevision, version: 1, value: "v", lease: 0n };
  return { type: "put", kv, prevKv: null };
}

/** Takes what comes, until the end. */
export function taking(watch: Watch): { readonly batches: string[]; readonly over: Promise<void> } {
  const batches: string[] = [];
  const run = async (): Promise<void> => {
    for await (const batch of watch) batches.push(shown(batch));
  };
  const over = run();
  over.catch(() => undefined);
  return { batches, over };
}

function shown({ revision, events }: WatchBatch): string {
  return `${revision}:${events.map(({ kv }) => kv.key).join("")}`;
}

export interface WatchRoom {
  readonly world: StoreWorld;
  readonly members: readonly ScriptedMember[];
  /** Where the members are. */
  readonly at: { revision: number };
  /** All that were opened, in order, at whichever member. */
  readonly streams: readonly ScriptedStream[];
  stream(this: void, index: number): ScriptedStream;
}

/** Members that put watches in place at `revision`, if they are not told otherwise. */
export function room(seed = 1, version = "3.5.21"): WatchRoom {
  const world = new StoreWorld(seed);
  const at = { revision: 10 };
  const streams: ScriptedStream[] = [];
  const members = world.members("a:1", "b:1");
  for (const member of members) {
    member.on(methods.status, () => ({ version }));
    member.on(methods.range, () => ranged(at.revision));
    member.opened = (stream) => {
      streams.push(stream);
      stream.heard = ({ requestUnion }: { requestUnion: { case: string; value: Creation } }) => {
        if (requestUnion.case !== "createRequest") return;
        stream.say(response(Number(requestUnion.value.watchId), at.revision, { created: true }));
      };
    };
  }
  const stream = (index: number): ScriptedStream => {
    const found = streams[index];
    assert.ok(found !== undefined, `there are ${streams.length} streams`);
    return found;
  };
  return { world, members, at, streams, stream };
}

export function broken(): CallFailure {
  return failure("UNAVAILABLE", GrpcStatus.unavailable, true);
}
