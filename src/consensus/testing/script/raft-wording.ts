/** Raft's messages and hard state in words. `[3]` is the sender's epoch. */
import { engines } from "../../engines.ts";
import { decodeHardState } from "../../raft/hard-state.ts";
import { decodeMessage, type Envelope, type Message } from "../../raft/messages.ts";
import { place, type WordedMessage, type Wording, wordEntries } from "./wording.ts";

const kind = engines.get("raft");
if (kind === undefined) throw new RangeError("there is no engine called raft");

export const raftWording: Wording = {
  kind,
  message: (bytes): WordedMessage => {
    const { envelope, message } = decodeMessage(bytes);
    const words = `[${envelope.epoch}] ${wordMessage(message)}${wordStance(envelope)}`;
    return { type: message.type, words, routine: isRoutine(message) };
  },
  state: (bytes): string => {
    const { epoch, vote, untrusted, promiseMs } = decodeHardState(bytes);
    const promise = promiseMs > 0 ? `, promises of ${promiseMs} ms` : "";
    return `epoch ${epoch}, ${vote === 0n ? "no vote" : `vote ${vote}`}${untrusted ? ", untrusted" : ""}${promise}`;
  },
};

function isRoutine(message: Message): boolean {
  if (message.type === "heartbeat") return message.answer && !message.trusted;
  return message.type === "heartbeatResponse";
}

function wordStance({ untrusted, stalled }: Envelope): string {
  return `${untrusted ? " (untrusted)" : ""}${stalled ? " (stalled)" : ""}`;
}

const inSession = (session: number): string => (session === 1 ? "" : `, session ${session}`);

function wordMessage(m: Message): string {
  switch (m.type) {
    case "append": {
      const entries = m.entries.length === 0 ? "nothing" : wordEntries(m.entries);
      const after = place({ epoch: m.prevEpoch, index: m.prevIndex });
      return `append ${entries} after ${after}, commit ${m.commit}${inSession(m.session)}`;
    }
    case "appendResponse": {
      if (m.ok) return `appendResponse: holds up to ${m.index}${inSession(m.session)}`;
      const hint = place({ epoch: m.hintEpoch, index: m.hintIndex });
      return `appendResponse: not after ${m.index}, at best after ${hint}${inSession(m.session)}`;
    }
    case "heartbeat": {
      const commit = place({ epoch: m.commitEpoch, index: m.commitIndex });
      return `heartbeat${m.answer ? ` ${m.round}` : ""}, commit ${commit}${m.trusted ? ", trusted again" : ""}`;
    }
    case "heartbeatResponse":
      return `heartbeatResponse ${m.round}${m.promiseMs > 0 ? `, promises ${m.promiseMs} ms` : ""}${inSession(m.session)}`;
    case "preVote":
    case "vote": {
      const log = place({ epoch: m.lastEpoch, index: m.lastIndex });
      return `${m.type}, log ends ${log}${m.transfer ? ", asked by the leader" : ""}`;
    }
    case "preVoteResponse":
      return `preVoteResponse for ${m.proposedEpoch}: ${m.granted ? "yes" : "no"}`;
    case "voteResponse":
      return `voteResponse: ${m.granted ? "yes" : "no"}`;
    case "timeoutNow":
      return "timeoutNow";
    case "readRequest":
      return "readRequest";
    case "readResponse":
      return `readResponse: ${m.ok ? `at ${m.index}` : "turned away"}`;
  }
}
