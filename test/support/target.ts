/**
 * What the suites run against: Quorate, or a real etcd (`QUORATE_TEST_TARGET=etcd`). A suite that passes on etcd too is
 * known to ask for nothing that etcd's users do not have. Of Quorate, any engine (`QUORATE_TEST_ENGINE=paxos`).
 */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export type TargetName = "quorate" | "etcd";

export interface MemberSettings {
  readonly name: string;
  readonly dataDir: string;
  readonly listenClientUrl: string;
  readonly listenPeerUrl: string;
  /** What the others are told; differs from `listenPeerUrl` when a proxy stands between. */
  readonly advertisePeerUrl: string;
  readonly initialCluster: string;
  readonly initialClusterState: "new" | "existing";
  readonly token: string;
  /** Of Quorate; null: its default. */
  readonly engine: string | null;
  /** More flags, both servers' names: `--snapshot-count=1000`. */
  readonly flags: readonly string[];
}

export interface Command {
  readonly file: string;
  readonly args: readonly string[];
}

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** From the environment; Quorate unless it says etcd. */
export function targetFromEnvironment(): TargetName {
  const name = process.env["QUORATE_TEST_TARGET"] ?? "quorate";
  if (name !== "quorate" && name !== "etcd") {
    throw new Error(`QUORATE_TEST_TARGET is "${name}": use "quorate" or "etcd"`);
  }
  return name;
}

/** The engine that Quorate's clusters are founded with (`QUORATE_TEST_ENGINE=paxos`); null: its default. */
export function engineFromEnvironment(): string | null {
  return process.env["QUORATE_TEST_ENGINE"] ?? null;
}

/** The command that runs one member in the foreground. */
export function serveCommand(target: TargetName, member: MemberSettings): Command {
  const args = [
    "--name",
    member.name,
    "--data-dir",
    member.dataDir,
    "--listen-client-urls",
    member.listenClientUrl,
    "--advertise-client-urls",
    member.listenClientUrl,
    "--listen-peer-urls",
    member.listenPeerUrl,
    "--initial-advertise-peer-urls",
    member.advertisePeerUrl,
    "--initial-cluster",
    member.initialCluster,
    "--initial-cluster-state",
    member.initialClusterState,
    "--initial-cluster-token",
    member.token,
    ...member.flags,
  ];
  switch (target) {
    case "etcd":
      return { file: "etcd", args: [...args, "--logger", "zap", "--log-level", "warn"] };
    case "quorate":
      if (member.engine !== null) args.push("--engine", member.engine);
      return { file: process.execPath, args: [join(root, "bin", "quorate"), "serve", ...args] };
  }
}
