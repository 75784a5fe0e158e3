/** Links between members. */
import type { Defect } from "../defect.ts";

const link = "src/transport/link.ts";

export const transport: readonly Defect[] = [
  {
    name: "greeting-without-deadline",
    room: "transport",
    what: "A peer that takes the connection and says nothing is waited for without end: the link never comes back.",
    source: "etcd-io/etcd rafthttp (dial and read timeouts of peer streams)",
    engine: "any",
    habitat: "broken links",
    patches: [
      {
        file: link,
        text: "    const deadline = clock.after(limits.handshakeTimeoutMs, () => {",
        replacement: "    const deadline = clock.after(3_600_000, () => {",
      },
    ],
  },
  {
    name: "silent-link-kept",
    room: "transport",
    what: "A link on which nothing comes back is taken for whole: a connection that died half-way is never replaced.",
    source: "etcd-io/etcd rafthttp (link heartbeats against half-open connections); hashicorp/yamux keepalives",
    engine: "any",
    habitat: "broken links",
    patches: [
      {
        file: link,
        text: "      if (state.silentIntervals >= this.#context.limits.maxMissedPings) {",
        replacement: "      if (state.silentIntervals < 0) {",
      },
      {
        file: "src/transport/inbound.ts",
        text: "      if (state.silentIntervals >= limits.maxMissedPings) {",
        replacement: "      if (state.silentIntervals < 0) {",
      },
    ],
  },
  {
    name: "link-gives-up",
    room: "transport",
    what: "After a few attempts in vain a link is not tried any more: a partition that ends stays for that pair.",
    source: "hazelcast/hazelcast#20319 (never recovers after a majority was lost)",
    engine: "any",
    habitat: "broken links",
    patches: [
      {
        file: link,
        text: "    this.#state = this.#waiting(this.#failures === 0 ? wait * chance : (wait * (1 + chance)) / 2);",
        replacement:
          '    if (this.#failures >= 6) this.#state = { is: "closed" };\n' +
          "    else this.#state = this.#waiting(this.#failures === 0 ? wait * chance : (wait * (1 + chance)) / 2);",
      },
    ],
  },
  {
    name: "unknown-member-turned-away",
    room: "transport",
    what: "A member that is not in the list yet is turned away: who was added and leads cannot tell the others.",
    source: "Raft thesis §4.2.1 (servers answer requests of leaders that are not in their configuration)",
    engine: "any",
    habitat: "changing members",
    patches: [
      {
        file: "src/transport/inbounds.ts",
        text: "    if (unknown < limits.maxUnknownPeers) return answer;\n",
        replacement: "",
      },
    ],
  },
  {
    name: "unknown-member-not-dialled-back",
    room: "transport",
    what: "A member hears a leader that its log does not name, and cannot answer: after an absence it stays behind for good.",
    source: "etcd-io/etcd rafthttp (AddRemote, X-PeerURLs: streams from members that are not known yet)",
    engine: "any",
    habitat: "changing members",
    patches: [
      {
        file: "src/transport/links.ts",
        text: "    if (named === undefined && (told.length === 0 || !this.#inbounds.wantsLink(id))) {",
        replacement: "    if (named === undefined) {",
      },
    ],
  },
  {
    name: "removed-member-not-told",
    room: "transport",
    what: "Who comes back after its removal is taken in like anybody: nobody tells it, and it asks for votes for ever.",
    source: "Found here by the simulator, seed 1; etcd-io/etcd rafthttp (removed members get 410 Gone)",
    engine: "any",
    habitat: "changing members",
    patches: [
      {
        file: "src/transport/inbounds.ts",
        text: "    if (this.#events.isRemoved(hello.from)) {",
        replacement: "    if (hello.from === 0n) {",
      },
    ],
  },
];
