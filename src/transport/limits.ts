/** What a transport may use and how long it waits. Every bound of the room stands here. */
import { GrpcStatus, QuorateError } from "../errors.ts";

export interface TransportLimits {
  /** The largest payload of a frame, in bytes. A larger one is not sent, and ends the connection it comes in on. */
  readonly maxFrameBytes: number;
  /** Bytes queued towards one peer, above which further frames are dropped. */
  readonly maxQueueBytes: number;
  /** The same for bulk frames: snapshots must not crowd out heartbeats. */
  readonly maxBulkQueueBytes: number;
  /** An idle link says this often that it lives. */
  readonly pingIntervalMs: number;
  /** Intervals without a byte from the other end after which a link counts as dead. */
  readonly maxMissedPings: number;
  readonly connectTimeoutMs: number;
  /** From the connection to the end of the greeting. */
  readonly handshakeTimeoutMs: number;
  /** A first retry comes within this time; the wait doubles with each failure. */
  readonly minRetryMs: number;
  /** The longest wait between two attempts. */
  readonly maxRetryMs: number;
  /** Members that connect to us, and are dialled back, though `setPeers` did not name them: a new one may know us first. */
  readonly maxUnknownPeers: number;
  /** Accepted connections that have not said who they are, or were turned away and are still open. */
  readonly maxPendingConnections: number;
}

const MIB = 1024 * 1024;

export const defaultLimits: TransportLimits = {
  maxFrameBytes: 16 * MIB,
  maxQueueBytes: 64 * MIB,
  maxBulkQueueBytes: 16 * MIB,
  pingIntervalMs: 1000,
  maxMissedPings: 4,
  connectTimeoutMs: 1000,
  handshakeTimeoutMs: 2000,
  minRetryMs: 20,
  maxRetryMs: 1000,
  maxUnknownPeers: 16,
  maxPendingConnections: 64,
};

/** A payload's length is 32 bits on the wire; one buffer for more than this would be no frame any more. */
const LARGEST_FRAME = 1024 * MIB;

/** The defaults with `given` in their place. @throws QuorateError CONFIG if they make no sense. */
export function transportLimits(given: Partial<TransportLimits> = {}): TransportLimits {
  const limits = { ...defaultLimits, ...given };
  for (const [name, value] of Object.entries(limits)) {
    const least = leastOf(name);
    if (!Number.isSafeInteger(value) || value < least) {
      throw invalid(`${name} is ${value}: give a whole number of at least ${least}`);
    }
  }
  if (limits.maxFrameBytes > LARGEST_FRAME) {
    throw invalid(`maxFrameBytes is ${limits.maxFrameBytes}: give at most ${LARGEST_FRAME}`);
  }
  if (limits.maxQueueBytes < limits.maxFrameBytes) {
    throw invalid(`maxQueueBytes is ${limits.maxQueueBytes}: a frame of ${limits.maxFrameBytes} bytes must fit`);
  }
  if (limits.maxBulkQueueBytes > limits.maxQueueBytes) {
    throw invalid(
      `maxBulkQueueBytes is ${limits.maxBulkQueueBytes}, more than maxQueueBytes (${limits.maxQueueBytes})`,
    );
  }
  if (limits.maxRetryMs < limits.minRetryMs) {
    throw invalid(`maxRetryMs is ${limits.maxRetryMs}, less than minRetryMs (${limits.minRetryMs})`);
  }
  return limits;
}

function leastOf(name: string): number {
  if (name === "maxUnknownPeers") return 0;
  // Two clocks tick side by side: one interval without a ping is nothing unusual.
  if (name === "maxMissedPings") return 2;
  return 1;
}

function invalid(detail: string): QuorateError {
  return new QuorateError("CONFIG", GrpcStatus.invalidArgument, `transport limits: ${detail}`);
}
