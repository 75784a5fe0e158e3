/** The parts that messages play, whatever each protocol calls them: for schedules that hold up or drop one kind. */

const kinds = {
  /** Asks to become leader. */
  candidacy: ["vote", "preVote", "prepare", "survey", "leaderInfo"],
  /** The leader's wish that the receiver take over. */
  handOver: ["timeoutNow", "handOver"],
  /** Answers a heartbeat: what leases and reads rest on. */
  heartbeatAnswer: ["heartbeatResponse", "pong"],
  acknowledgement: ["appendResponse", "accepted", "ack"],
  /** Shows that there is a leader. */
  leadership: ["append", "heartbeat", "accept", "propose", "ping", "leaderInfo"],
} as const;

/** Whether a message of this type, as its protocol calls it, plays this part. */
export function plays(part: keyof typeof kinds, type: string): boolean {
  return (kinds[part] as readonly string[]).includes(type);
}
