/**
 * A watch that goes on: when its stream breaks it is opened again, at the next member, behind the last revision that
 * was seen, so that no event is missed and none is told twice.
 */
import type { QuorateError } from "../errors.ts";
import { GrpcStatus } from "../errors.ts";
import { bytesOf } from "../wire/byte-string.ts";
import type { ByteString, WatchResponse } from "../wire/kv.ts";
import { type WatchRequest, watch } from "../wire/methods.ts";
import type { Stream, StreamEvents } from "./client/client.ts";
import { callError } from "./failure.ts";

export interface WatchSettings {
  readonly key: ByteString;
  readonly rangeEnd: ByteString;
  /** 0: from now on. */
  readonly startRevision: number;
  readonly prevKv: boolean;
  readonly progressNotify: boolean;
}

export interface WatchListener {
  /** Events, or a progress notice (no events). */
  reply(response: WatchResponse): void;
  /** The stream broke; it is opened again. */
  interrupted(reason: string): void;
  /** Waits before another attempt. */
  pause(delayMs: number): Promise<void>;
}

/** The part of a client that is needed here. */
export interface WatchClient {
  stream(
    method: typeof watch,
    events: StreamEvents<WatchResponse>,
    options: { readonly requireLeader?: boolean; readonly advance?: boolean },
  ): Promise<Stream<WatchRequest>>;
}

/** Pauses between attempts while no member can be reached. */
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2000;

/**
 * Runs until the watch cannot go on, which rejects: it was cancelled by the server, its history was compacted away, or
 * no member could be reached at the very start.
 */
export async function watchForever(
  client: WatchClient,
  settings: WatchSettings,
  listener: WatchListener,
): Promise<never> {
  let next = settings.startRevision;
  let pauseMs = FIRST_PAUSE_MS;
  let established = false;
  for (;;) {
    const broken = await watchOnce(client, { ...settings, startRevision: next }, established, (response) => {
      established = true;
      pauseMs = FIRST_PAUSE_MS;
      const last = response.events.at(-1);
      // Without events: created (a watch from now on starts behind it) or progress (all up to it was told).
      if (last !== undefined) next = Math.max(next, last.kv.modRevision + 1);
      else if (!response.created || next === 0) next = Math.max(next, response.header.revision + 1);
      if (!response.created) listener.reply(response);
    });
    if (broken.final || !established) throw broken.error;
    listener.interrupted(broken.error.message);
    await listener.pause(pauseMs);
    pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
  }
}

interface Broken {
  readonly error: QuorateError;
  /** Another stream would end the same way. */
  readonly final: boolean;
}

async function watchOnce(
  client: WatchClient,
  settings: WatchSettings,
  advance: boolean,
  reply: (response: WatchResponse) => void,
): Promise<Broken> {
  const { promise, resolve } = Promise.withResolvers<Broken>();
  const events = {
    reply: (response: WatchResponse) => {
      if (response.canceled) resolve({ error: cancelError(response), final: true });
      else reply(response);
    },
    ended: (error: QuorateError | null) => {
      const reason = error ?? callError("the member ended the watch", GrpcStatus.unavailable);
      resolve({ error: reason, final: isFinal(reason) });
    },
  };
  let stream: Stream<WatchRequest>;
  try {
    stream = await client.stream(watch, events, { requireLeader: true, advance });
  } catch (error) {
    return { error: error as QuorateError, final: false };
  }
  stream.send({
    requestUnion: {
      case: "createRequest",
      value: {
        key: bytesOf(settings.key),
        rangeEnd: bytesOf(settings.rangeEnd),
        startRevision: BigInt(settings.startRevision),
        prevKv: settings.prevKv,
        progressNotify: settings.progressNotify,
      },
    },
  });
  const broken = await promise;
  stream.cancel();
  return broken;
}

function isFinal({ status }: QuorateError): boolean {
  switch (status) {
    case GrpcStatus.unimplemented:
    case GrpcStatus.invalidArgument:
    case GrpcStatus.permissionDenied:
    case GrpcStatus.unauthenticated:
      return true;
    default:
      return false;
  }
}

function cancelError(response: WatchResponse): QuorateError {
  if (response.compactRevision > 0) {
    return callError(
      `watch was canceled: etcdserver: mvcc: required revision has been compacted (the oldest that can be watched from is ${response.compactRevision})`,
      GrpcStatus.outOfRange,
    );
  }
  return callError(
    `watch was canceled: ${response.cancelReason === "" ? "the server gave no reason" : response.cancelReason}`,
  );
}
