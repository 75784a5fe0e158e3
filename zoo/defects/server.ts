/** The gRPC services: what clients are told. */
import type { Defect } from "../defect.ts";

const watch = "src/server/services/watch.ts";

export const server: readonly Defect[] = [
  {
    name: "progress-before-events",
    room: "server",
    what: "Progress is told up to the newest revision while events before it still wait: caches miss them for good.",
    source: "etcd-io/etcd#15220",
    engine: "any",
    habitat: "watches",
    patches: [
      {
        file: watch,
        text: "    if (!this.#outbox.isEmpty) return;\n    for (const { watcher }",
        replacement: "    for (const { watcher }",
      },
      {
        file: watch,
        text: "if (!isToldUpTo(watcher, revision)) return;",
        replacement: "if (watcher.request.startRevision > revision) return;",
      },
      {
        file: watch,
        text: "      if (!watching.heard && isToldUpTo(watching.watcher, revision) && this.#outbox.isEmpty) {",
        replacement: "      if (!watching.heard) {",
      },
    ],
  },
  {
    name: "held-watcher-forgotten",
    room: "server",
    what: "A watcher that was held back for a slow client is not taken up again when it reads: it hears nothing any more.",
    source: "etcd-io/etcd#15402, #16839 (unsynced watchers that never sync)",
    engine: "any",
    habitat: "watches",
    patches: [
      {
        file: watch,
        text: "    const held = [...this.#held];\n    this.#held.clear();\n",
        replacement: "    this.#held.clear();\n    const held = [...this.#held];\n",
      },
    ],
  },
  {
    name: "events-lost-on-full-stream",
    room: "server",
    what: "Events for a stream that has no room are dropped instead of kept until it has.",
    source: "etcd-io/etcd#17529; etcd-io/etcd#18879",
    engine: "any",
    habitat: "watches",
    patches: [
      {
        file: "src/server/services/watch-outbox.ts",
        text: "    this.#queue.push({ ...parcel, next: 0 });\n",
        replacement: "    if (this.isEmpty) this.#queue.push({ ...parcel, next: 0 });\n",
      },
    ],
  },
  {
    name: "cancelled-watcher-goes-on",
    room: "server",
    what: "A cancelled watcher is told further events after the word that it is cancelled.",
    source: "etcd-io/etcd watch.go (closing map of cancelled ids); etcd API: canceled is the last message",
    engine: "any",
    habitat: "watches",
    patches: [{ file: watch, text: "    watching.watcher.cancel();\n", replacement: "" }],
  },
  {
    name: "read-only-txn-as-it-is",
    room: "server",
    what: "A transaction that only reads is answered from what this member has: it shows the past.",
    source: "Jepsen etcd 3.4.3; etcd-io/etcd isTxnSerializable",
    engine: "any",
    habitat: "leaders that fall",
    patches: [
      {
        file: "src/server/services/kv.ts",
        text: "          read(readsAsItIs(request), answer,",
        replacement: "          read(true, answer,",
      },
    ],
  },
  {
    name: "follower-reads-as-it-is",
    room: "server",
    what: "A member that knows a leader answers reads at once, without asking it how far the others are.",
    source: "Consul default reads, hashicorp/consul#2644; Jepsen Consul (2014)",
    engine: "any",
    habitat: "leaders that fall",
    patches: [
      {
        file: "src/server/services/kv.ts",
        text: "    if (serializable) return answering(answer, run);",
        replacement: "    if (serializable || replica.status().engine.leader !== 0n) return answering(answer, run);",
      },
    ],
  },
  {
    name: "second-member-waits-for-commit",
    room: "server",
    what: "Who wants to join is told of its addition only when that is committed, which may need its vote: of two, always.",
    source: "Found here by the simulator, seed 102",
    engine: "any",
    habitat: "changing members",
    patches: [
      {
        file: "src/server/expected-members.ts",
        text: "  return recoveredMembers(applied, pending);",
        replacement: "  return applied.list();",
      },
    ],
  },
];
