/**
 * Links between the members of a cluster: ordered frames to a peer, best effort.
 *
 * Promises: frames of one link arrive in order, each at most once, whole and checked, and only between members of the
 * same cluster that speak the same version; a frame that cannot be sent is dropped and counted (queues are bounded);
 * a broken link is reported at once and taken up again with back-off. There is a link to each peer that the owner names,
 * and one back to each member that is connected to us without being named. Must not know what frames mean.
 */
import type { Address, ClusterId, GroupId, MemberId } from "../environment.ts";

/** What a frame carries. The numbers are part of the wire format. */
export const FrameKind = {
  /** A consensus engine's message. */
  engine: 1,
  /** A follower's batch of commands for its leader. */
  forward: 2,
  /** A question to another replica and its answer (leases, member lists). */
  request: 3,
  response: 4,
  /** A piece of a snapshot, and what was received of it. */
  snapshotChunk: 5,
  snapshotAck: 6,
} as const;
export type FrameKind = (typeof FrameKind)[keyof typeof FrameKind];

export interface Peer {
  readonly id: MemberId;
  /** Tried in turn. */
  readonly addresses: readonly Address[];
}

export interface TransportIdentity {
  readonly clusterId: ClusterId;
  readonly memberId: MemberId;
}

export interface TransportEvents {
  frame(from: MemberId, group: GroupId, kind: FrameKind, payload: Uint8Array): void;
  /** The link towards the peer is up: frames sent from now on go out. */
  linkUp(peer: MemberId): void;
  /** It was up and broke, or could not be set up (refused, timed out, turned away). Told once per loss or attempt. */
  linkLost(peer: MemberId, reason: Error): void;
  /** A peer, and it is that member of this cluster, says that this member was removed. Told with each such answer. */
  removed?(by: MemberId): void;
}

export interface LinkStatus {
  readonly connected: boolean;
  readonly queuedBytes: number;
  readonly droppedFrames: number;
  /** Why the last attempt failed, if it did. */
  readonly lastError: string | null;
}

export interface Transport {
  /** Queues a frame; false: dropped because the link is down or its queue is full (`bulk` frames are dropped earlier). */
  send(to: MemberId, group: GroupId, kind: FrameKind, pieces: readonly Uint8Array[], bulk: boolean): boolean;
  /** Sends what was queued since the last flush, one write per link. */
  flush(): void;
  /** Whom to keep links to. Others that connect to us are linked back to as long as they stay. */
  setPeers(peers: readonly Peer[]): void;
  link(peer: MemberId): LinkStatus | null;
  close(): Promise<void>;
}
