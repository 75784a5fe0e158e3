/** `member list|add|remove|promote|update`. */
import { type Command, Option } from "commander";
import type { Member } from "../../wire/gen/etcdserverpb/cluster_pb.ts";
import type { ResponseHeader } from "../../wire/gen/etcdserverpb/header_pb.ts";
import { addClientOptions, hexNumber, withClient } from "../client-options.ts";
import { headerJson, type JsonObject, withoutEmpty } from "../format/json.ts";
import { hexId, table } from "../format/table.ts";
import type { Terminal } from "../terminal.ts";
import { parseUrls } from "../urls.ts";
import { example } from "./example.ts";

function memberJson(member: Member): JsonObject {
  return withoutEmpty({
    ID: member.ID,
    name: member.name,
    peerURLs: member.peerURLs,
    clientURLs: member.clientURLs,
    isLearner: member.isLearner,
  });
}

/** A member that was added but never ran has no name yet. */
function memberRow(member: Member): string[] {
  return [
    hexId(member.ID),
    member.name === "" ? "unstarted" : "started",
    member.name,
    member.peerURLs.join(","),
    member.clientURLs.join(","),
    String(member.isLearner),
  ];
}

const memberHead = ["ID", "STATUS", "NAME", "PEER URLS", "CLIENT URLS", "LEARNER"];

function membersJson(header: ResponseHeader | undefined, members: readonly Member[], member?: Member): JsonObject {
  return {
    header: headerJson(header),
    member: member === undefined ? undefined : memberJson(member),
    members: members.map(memberJson),
  };
}

function clusterOf(header: ResponseHeader | undefined): string {
  return hexId(header?.clusterId ?? 0n);
}

export function addMember(program: Command, terminal: Terminal): void {
  const member = program.command("member").summary("who takes part in the cluster");
  example(member, "Who takes part in the cluster.", ["quorate member list -w table"]);
  addList(member, terminal);
  addAdd(member, terminal);
  addRemove(member, terminal);
  addPromote(member, terminal);
  addUpdate(member, terminal);
}

function addList(member: Command, terminal: Terminal): void {
  const command = member
    .command("list")
    .summary("all members")
    .addOption(
      new Option("--consistency <mode>", "l: linearizable, s: what the called member has").choices(["l", "s"]),
    );
  example(command, "Lists all members.", ["quorate member list -w table"]);
  addClientOptions(command).action(async (options: { readonly consistency?: string }) => {
    await withClient(terminal, command, async ({ client, print }) => {
      const { memberList } = await import("../../wire/methods.ts");
      const { header, members } = await client.call(memberList, { linearizable: options.consistency !== "s" });
      print({
        plain: () => members.map((one) => `${memberRow(one).join(", ")}\n`).join(""),
        table: () => table(memberHead, members.map(memberRow)),
        json: () => membersJson(header, members),
      });
    });
  });
}

interface AddOptions {
  readonly peerUrls: string;
  readonly learner?: boolean;
}

function addAdd(member: Command, terminal: Terminal): void {
  const command = member
    .command("add")
    .summary("let a new member in")
    .argument("<name>", "the name it will be started with")
    .requiredOption("--peer-urls <list>", "where other members will reach it, separated by commas")
    .option("--learner", "without a vote until it is promoted");
  example(command, "Lets a new member in, and prints the variables to start it with.", [
    "quorate member add m4 --peer-urls http://10.0.0.4:2380 --learner",
  ]);
  addClientOptions(command).action(async (name: string, options: AddOptions) => {
    const peerUrls = parseUrls("--peer-urls", options.peerUrls);
    await withClient(terminal, command, async ({ client, print }) => {
      const { memberAdd } = await import("../../wire/methods.ts");
      const reply = await client.call(memberAdd, { peerURLs: peerUrls, isLearner: options.learner === true });
      const added = reply.member;
      const id = added?.ID ?? 0n;
      const start = startVariables(name, peerUrls, id, reply.members);
      print({
        plain: () =>
          `Member ${hexId(id)} added to cluster ${clusterOf(reply.header)}\n\n${start.map(([key, value]) => `${key}="${value}"\n`).join("")}`,
        table: () => table(memberHead, reply.members.map(memberRow)),
        json: () => membersJson(reply.header, reply.members, added),
      });
    });
  });
}

/** The environment that `quorate serve` of the new member needs. */
function startVariables(
  name: string,
  peerUrls: readonly string[],
  id: bigint,
  members: readonly Member[],
): (readonly [string, string])[] {
  const cluster = members.flatMap((one) =>
    (one.ID === id ? peerUrls : one.peerURLs).map(
      (url) => `${one.ID === id ? name : one.name || hexId(one.ID)}=${url}`,
    ),
  );
  return [
    ["QUORATE_NAME", name],
    ["QUORATE_INITIAL_CLUSTER", cluster.join(",")],
    ["QUORATE_INITIAL_ADVERTISE_PEER_URLS", peerUrls.join(",")],
    ["QUORATE_INITIAL_CLUSTER_STATE", "existing"],
  ];
}

function addRemove(member: Command, terminal: Terminal): void {
  const command = member
    .command("remove")
    .summary("put a member out")
    .argument("<id>", "the member (hexadecimal)", hexNumber);
  example(command, "Puts a member out of the cluster for good.", ["quorate member remove 8e9e05c52164694d"]);
  addClientOptions(command).action(async (id: bigint) => {
    await withClient(terminal, command, async ({ client, print }) => {
      const { memberRemove } = await import("../../wire/methods.ts");
      const { header, members } = await client.call(memberRemove, { ID: id });
      print({
        plain: () => `Member ${hexId(id)} removed from cluster ${clusterOf(header)}\n`,
        table: () => table(memberHead, members.map(memberRow)),
        json: () => membersJson(header, members),
      });
    });
  });
}

function addPromote(member: Command, terminal: Terminal): void {
  const command = member
    .command("promote")
    .summary("give a learner its vote")
    .argument("<id>", "the learner (hexadecimal)", hexNumber);
  example(command, "Gives a learner that has caught up its vote.", ["quorate member promote 8e9e05c52164694d"]);
  addClientOptions(command).action(async (id: bigint) => {
    await withClient(terminal, command, async ({ client, print }) => {
      const { memberPromote } = await import("../../wire/methods.ts");
      const { header, members } = await client.call(memberPromote, { ID: id });
      print({
        plain: () => `Member ${hexId(id)} promoted in cluster ${clusterOf(header)}\n`,
        table: () => table(memberHead, members.map(memberRow)),
        json: () => membersJson(header, members),
      });
    });
  });
}

function addUpdate(member: Command, terminal: Terminal): void {
  const command = member
    .command("update")
    .summary("change where a member is reached")
    .argument("<id>", "the member (hexadecimal)", hexNumber)
    .requiredOption("--peer-urls <list>", "where other members reach it from now on, separated by commas");
  example(command, "Changes the peer URLs of a member.", [
    "quorate member update 8e9e05c52164694d --peer-urls http://10.0.0.9:2380",
  ]);
  addClientOptions(command).action(async (id: bigint, options: { readonly peerUrls: string }) => {
    const peerURLs = parseUrls("--peer-urls", options.peerUrls);
    await withClient(terminal, command, async ({ client, print }) => {
      const { memberUpdate } = await import("../../wire/methods.ts");
      const { header, members } = await client.call(memberUpdate, { ID: id, peerURLs });
      print({
        plain: () => `Member ${hexId(id)} updated in cluster ${clusterOf(header)}\n`,
        table: () => table(memberHead, members.map(memberRow)),
        json: () => membersJson(header, members),
      });
    });
  });
}
