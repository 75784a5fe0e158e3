/** What the steps since the last drain want done, gathered until `effects()` hands it out. */
import type { Effects, Notice, Outbound, Refusal, SnapshotMeta } from "../engine.ts";

export class Outbox {
  messages: Outbound[] = [];
  reads: { id: number; index: number }[] = [];
  accepted: { id: number; epoch: number; index: number }[] = [];
  refused: { id: number; reason: Refusal; detail: string }[] = [];
  sendSnapshot: { to: bigint; index: number }[] = [];
  notices: Notice[] = [];
  installSnapshot: SnapshotMeta | null = null;

  refuse(id: number, reason: Refusal, detail: string): void {
    this.refused.push({ id, reason, detail });
  }

  /** Hands everything out and is empty again. */
  take(rest: Pick<Effects, "write" | "committed" | "statusChanged" | "wakeAt">): Effects {
    const { messages, reads, accepted, refused, sendSnapshot, notices, installSnapshot } = this;
    if (messages.length > 0) this.messages = [];
    if (reads.length > 0) this.reads = [];
    if (accepted.length > 0) this.accepted = [];
    if (refused.length > 0) this.refused = [];
    if (sendSnapshot.length > 0) this.sendSnapshot = [];
    if (notices.length > 0) this.notices = [];
    this.installSnapshot = null;
    return {
      ...rest,
      messages: messages.length > 0 ? messages : none,
      reads: reads.length > 0 ? reads : none,
      accepted: accepted.length > 0 ? accepted : none,
      refused: refused.length > 0 ? refused : none,
      sendSnapshot: sendSnapshot.length > 0 ? sendSnapshot : none,
      notices: notices.length > 0 ? notices : none,
      installSnapshot,
    };
  }
}

const none: readonly never[] = Object.freeze([]);
