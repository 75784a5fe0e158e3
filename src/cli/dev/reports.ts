/** What a member that was started by `quorate dev` tells it, over the channel Node keeps between the two. */
export type MemberReport =
  /** It answers clients. `memberId` in hexadecimal. */
  | { readonly type: "started"; readonly memberId: string }
  /** Whom it knows as leader ("0": nobody), in which term. */
  | { readonly type: "leadership"; readonly leader: string; readonly epoch: number };

export type ReportToParent = (report: MemberReport) => void;

/** The report in a message from another process, or null if it is none. */
export function asReport(message: unknown): MemberReport | null {
  if (typeof message !== "object" || message === null || !("type" in message)) return null;
  if (message.type === "started" && "memberId" in message && typeof message.memberId === "string") {
    return { type: "started", memberId: message.memberId };
  }
  if (message.type !== "leadership" || !("leader" in message) || !("epoch" in message)) return null;
  if (typeof message.leader !== "string" || typeof message.epoch !== "number") return null;
  return { type: "leadership", leader: message.leader, epoch: message.epoch };
}

/** What `quorate dev` tells its members when it ends: to stop, without handing leadership to one that stops as well. */
export const stopAll = { type: "stopAll" } as const;

export function isStopAll(message: unknown): boolean {
  return typeof message === "object" && message !== null && "type" in message && message.type === stopAll.type;
}
