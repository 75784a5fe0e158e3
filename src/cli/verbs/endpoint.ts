/** `endpoint status|health|hashkv`. */
import type { Command } from "commander";
import { GrpcStatus, QuorateError } from "../../errors.ts";
import { byteStringOfText } from "../../wire/byte-string.ts";
import type { HashKVResponse, StatusResponse } from "../../wire/gen/etcdserverpb/maintenance_pb.ts";
import type { Endpoint } from "../client/endpoints.ts";
import { addClientOptions, wholeNumber, withClient } from "../client-options.ts";
import { formatDuration } from "../duration.ts";
import { callError, oneLine } from "../failure.ts";
import { headerJson, type JsonObject, withoutEmpty } from "../format/json.ts";
import { hexId, table } from "../format/table.ts";
import { getRequest } from "../requests.ts";
import type { Terminal } from "../terminal.ts";
import { askEach, type ClusterOption, failIfAny, parted, targets } from "./ask.ts";
import { example } from "./example.ts";

export function addEndpoint(program: Command, terminal: Terminal): void {
  const endpoint = program.command("endpoint").summary("how members are");
  example(endpoint, "How members are, asked one by one.", ["quorate endpoint status --cluster -w table"]);
  addStatus(endpoint, terminal);
  addHealth(endpoint, terminal);
  addHashKv(endpoint, terminal);
}

function addStatus(endpoint: Command, terminal: Terminal): void {
  const command = endpoint
    .command("status")
    .summary("version, size, leader and log position of each endpoint")
    .option("--cluster", "ask all members of the cluster");
  example(command, "Asks each endpoint for its version, size, leader and log position.", [
    "quorate endpoint status --cluster -w table",
  ]);
  addClientOptions(command).action(async (options: ClusterOption) => {
    await withClient(terminal, command, async (context) => {
      const { status } = await import("../../wire/methods.ts");
      const endpoints = await targets(context, options);
      const { answered, failed } = parted(await askEach(context, endpoints, (one) => one.call(status, {})), context);
      const rows = answered.map(({ endpoint: at, answer }) => statusRow(at, answer));
      context.print({
        plain: () => rows.map((row) => `${row.join(", ")}\n`).join(""),
        table: () =>
          table(
            ["ENDPOINT", "ID", "VERSION", "DB SIZE", "LEADER", "LEARNER", "TERM", "INDEX", "APPLIED INDEX", "ERRORS"],
            rows,
          ),
        json: () => answered.map(({ endpoint: at, answer }) => ({ Endpoint: at.text, Status: statusJson(answer) })),
      });
      failIfAny(failed, endpoints.length);
    });
  });
}

function statusRow(endpoint: Endpoint, status: StatusResponse): string[] {
  const id = status.header?.memberId ?? 0n;
  return [
    endpoint.text,
    hexId(id),
    status.version,
    sizeText(Number(status.dbSize)),
    String(status.leader === id && id !== 0n),
    String(status.isLearner),
    String(status.raftTerm),
    String(status.raftIndex),
    String(status.raftAppliedIndex),
    status.errors.join(" "),
  ];
}

function statusJson(status: StatusResponse): JsonObject {
  return {
    header: headerJson(status.header),
    ...withoutEmpty({
      version: status.version,
      dbSize: status.dbSize,
      leader: status.leader,
      raftIndex: status.raftIndex,
      raftTerm: status.raftTerm,
      raftAppliedIndex: status.raftAppliedIndex,
      errors: status.errors,
      dbSizeInUse: status.dbSizeInUse,
      isLearner: status.isLearner,
      storageVersion: status.storageVersion,
      dbSizeQuota: status.dbSizeQuota,
    }),
  };
}

/** Two digits, decimal units: `20 kB`, `1.5 GB`. */
export function sizeText(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${value < 10 && unit > 0 ? Number(value.toFixed(1)) : Math.round(value)} ${units[unit]}`;
}

function addHealth(endpoint: Command, terminal: Terminal): void {
  const command = endpoint
    .command("health")
    .summary("whether each endpoint can decide")
    .option("--cluster", "ask all members of the cluster");
  example(command, "Makes a linearizable read at each endpoint. Exit code 1 if one fails.", [
    "quorate endpoint health --cluster",
  ]);
  addClientOptions(command).action(async (options: ClusterOption) => {
    await withClient(terminal, command, async (context) => {
      const { range } = await import("../../wire/methods.ts");
      const request = getRequest(byteStringOfText("health"), undefined, { keysOnly: true });
      const asked = await askEach(context, await targets(context, options), (one) => one.call(range, request));
      const rows = asked.map(({ endpoint: at, tookMs, answer }) => ({
        endpoint: at.text,
        health: !(answer instanceof QuorateError),
        took: formatDuration(tookMs),
        error: answer instanceof QuorateError ? oneLine(answer) : "",
      }));
      context.print({
        plain: () =>
          rows
            .map(({ endpoint: at, health, took, error }) =>
              health
                ? `${at} is healthy: successfully committed proposal: took = ${took}\n`
                : `${at} is unhealthy: failed to commit proposal: ${error}\n`,
            )
            .join(""),
        table: () =>
          table(
            ["ENDPOINT", "HEALTH", "TOOK", "ERROR"],
            rows.map(({ endpoint: at, health, took, error }) => [at, String(health), took, error]),
          ),
        json: () => rows.map(({ error, ...row }) => ({ ...row, error: error === "" ? undefined : error })),
      });
      const unhealthy = rows.filter(({ health }) => !health).length;
      if (unhealthy > 0)
        throw callError(`unhealthy cluster: ${unhealthy} of ${rows.length} endpoints`, GrpcStatus.unavailable);
    });
  });
}

function addHashKv(endpoint: Command, terminal: Terminal): void {
  const command = endpoint
    .command("hashkv")
    .summary("a hash of all keys and their history, equal on members that agree")
    .option("--cluster", "ask all members of the cluster")
    .option("--rev <revision>", "up to this revision; the newest if not given", wholeNumber(0));
  example(command, "Asks each endpoint for a hash of its keys and their history.", [
    "quorate endpoint hashkv --cluster -w table",
  ]);
  addClientOptions(command).action(async (options: ClusterOption & { readonly rev?: number }) => {
    await withClient(terminal, command, async (context) => {
      const { hashKv } = await import("../../wire/methods.ts");
      const endpoints = await targets(context, options);
      const revision = BigInt(options.rev ?? 0);
      const { answered, failed } = parted(
        await askEach(context, endpoints, (one) => one.call(hashKv, { revision })),
        context,
      );
      context.print({
        plain: () => answered.map(({ endpoint: at, answer }) => `${at.text}, ${answer.hash}\n`).join(""),
        table: () =>
          table(
            ["ENDPOINT", "HASH", "REVISION", "COMPACTED"],
            answered.map(({ endpoint: at, answer }) => [
              at.text,
              String(answer.hash),
              String(answer.hashRevision),
              String(answer.compactRevision),
            ]),
          ),
        json: () => answered.map(({ endpoint: at, answer }) => ({ Endpoint: at.text, HashKV: hashJson(answer) })),
      });
      failIfAny(failed, endpoints.length);
    });
  });
}

function hashJson(hash: HashKVResponse): JsonObject {
  return {
    header: headerJson(hash.header),
    ...withoutEmpty({ hash: hash.hash, compact_revision: hash.compactRevision, hash_revision: hash.hashRevision }),
  };
}
