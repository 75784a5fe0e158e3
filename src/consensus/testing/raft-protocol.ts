/** Raft, as the simulated cluster sees it. */
import { genesis } from "../raft/genesis.ts";
import { decodeMessage } from "../raft/messages.ts";
import { Raft } from "../raft/raft.ts";
import type { PeekedMessage, Protocol } from "./cluster.ts";

export const raftProtocol: Protocol = {
  create: (options, start, now) => new Raft(options, start, now),
  genesis,
  peek: (bytes): PeekedMessage | null => {
    const { envelope, message } = decodeMessage(bytes);
    const lastEntry = message.type === "append" ? message.prevIndex + message.entries.length : 0;
    const vote =
      message.type === "voteResponse" && message.granted ? "receiver" : message.type === "vote" ? "sender" : null;
    return { type: message.type, epoch: envelope.epoch, vote, lastEntry };
  },
};
