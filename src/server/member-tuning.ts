/**
 * Sizes and intervals within a member that no flag sets: good for all. The simulator draws others, small ones above
 * all, so that what is rare with these happens often.
 */
import { defaultSegmentBytes } from "../storage/open-storage.ts";
import type { TransportLimits } from "../transport/limits.ts";

const MIB = 1024 ** 2;

export interface MemberTuning {
  readonly tickMs: number;
  /** Bytes of one file of the log. */
  readonly segmentBytes: number;
  /** The least bytes of log between two snapshots, however few entries. */
  readonly snapshotLogBytes: number;
  /** Bytes of entries behind a snapshot that stay in memory for peers that lag a little. */
  readonly catchUpBytes: number;
  /** The most bytes of a snapshot in one message to a peer. */
  readonly snapshotChunkBytes: number;
  /** Without an acknowledgement for this long, what was sent of a snapshot is sent again. */
  readonly snapshotResendMs: number;
  /** As in `EngineOptions`. */
  readonly maxMessageBytes: number;
  readonly maxInflightMessages: number;
  readonly maxInflightBytes: number;
  readonly maxUncommittedBytes: number;
  /** How long a member that nobody waits for may be behind the leader's commits (its watchers, its serializable reads). */
  readonly commitNoticeMs: number;
  /** As in `ReplicaOptions`. */
  readonly maxPendingCommands: number;
  readonly maxPendingBytes: number;
  /** A call is given up after this and two election timeouts. */
  readonly callTimeoutMs: number;
  /** Other than the transport's own. */
  readonly links: Partial<TransportLimits>;
}

export const defaultTuning: MemberTuning = {
  tickMs: 10,
  segmentBytes: defaultSegmentBytes,
  snapshotLogBytes: 64 * MIB,
  catchUpBytes: 64 * MIB,
  snapshotChunkBytes: MIB / 4,
  snapshotResendMs: 2_000,
  maxMessageBytes: MIB,
  maxInflightMessages: 512,
  maxInflightBytes: 32 * MIB,
  maxUncommittedBytes: 128 * MIB,
  commitNoticeMs: 2,
  maxPendingCommands: 50_000,
  maxPendingBytes: 128 * MIB,
  callTimeoutMs: 5_000,
  links: {},
};
