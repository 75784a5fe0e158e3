/** `lease grant|revoke|keep-alive|timetolive|list`. */
import { type Command, InvalidArgumentError } from "commander";
import { byteString } from "../../wire/byte-string.ts";
import type { LeaseKeepAliveResponse } from "../../wire/gen/etcdserverpb/lease_pb.ts";
import { addClientOptions, type ClientContext, leaseNumber, withClient } from "../client-options.ts";
import { callError } from "../failure.ts";
import { base64, headerJson, type JsonObject } from "../format/json.ts";
import { hexEscaped } from "../format/plain.ts";
import { printable, table } from "../format/table.ts";
import type { Terminal } from "../terminal.ts";
import { example } from "./example.ts";

/** 16 hexadecimal digits, as etcdctl prints a lease. */
function leaseText(id: bigint): string {
  return BigInt.asUintN(64, id).toString(16).padStart(16, "0");
}

function seconds(text: string): bigint {
  if (!/^\d{1,10}$/.test(text) || Number(text) < 1)
    throw new InvalidArgumentError("It must be a number of seconds from 1.");
  return BigInt(text);
}

export function addLease(program: Command, terminal: Terminal): void {
  const lease = program.command("lease").summary("grants that end, and keys with them");
  example(lease, "Grants that end unless kept alive; keys put with --lease end with them.", [
    "quorate lease grant 60",
    "quorate lease list",
  ]);
  addGrant(lease, terminal);
  addRevoke(lease, terminal);
  addKeepAlive(lease, terminal);
  addTimeToLive(lease, terminal);
  addList(lease, terminal);
}

function addGrant(lease: Command, terminal: Terminal): void {
  const command = lease
    .command("grant")
    .summary("make a lease")
    .argument("<ttl>", "seconds it lives without being kept alive", seconds)
    .option("--id <id>", "its id (hexadecimal); the cluster chooses one if not given", leaseNumber);
  example(command, "Makes a lease and prints its id.", ["quorate lease grant 60"]);
  addClientOptions(command).action(async (ttl: bigint, options: { readonly id?: bigint }) => {
    await withClient(terminal, command, async ({ client, print }) => {
      const { leaseGrant } = await import("../../wire/methods.ts");
      const reply = await client.call(leaseGrant, { TTL: ttl, ID: options.id ?? 0n });
      print({
        plain: () => `lease ${leaseText(reply.ID)} granted with TTL(${reply.TTL}s)\n`,
        table: () => table(["LEASE", "TTL"], [[leaseText(reply.ID), String(reply.TTL)]]),
        json: () => ({ ...flatHeader(reply.header), ID: reply.ID, TTL: reply.TTL, Error: reply.error }),
      });
    });
  });
}

/** etcdctl prints a lease's header fields beside its own. */
function flatHeader(header: Parameters<typeof headerJson>[0]): JsonObject {
  return headerJson(header) ?? {};
}

function addRevoke(lease: Command, terminal: Terminal): void {
  const command = lease
    .command("revoke")
    .summary("end a lease")
    .argument("<id>", "the lease (hexadecimal)", leaseNumber);
  example(command, "Ends a lease and deletes its keys.", ["quorate lease revoke 694d8a1c0b2e5f01"]);
  addClientOptions(command).action(async (id: bigint) => {
    await withClient(terminal, command, async ({ client, print }) => {
      const { leaseRevoke } = await import("../../wire/methods.ts");
      const reply = await client.call(leaseRevoke, { ID: id });
      print({
        plain: () => `lease ${leaseText(id)} revoked\n`,
        table: () => table(["LEASE", "RESULT"], [[leaseText(id), "revoked"]]),
        json: () => ({ header: headerJson(reply.header) }),
      });
    });
  });
}

function addTimeToLive(lease: Command, terminal: Terminal): void {
  const command = lease
    .command("timetolive")
    .summary("how long a lease still lives")
    .argument("<id>", "the lease (hexadecimal)", leaseNumber)
    .option("--keys", "and its keys");
  example(command, "Says how long a lease still lives.", ["quorate lease timetolive 694d8a1c0b2e5f01 --keys"]);
  addClientOptions(command).action(async (id: bigint, options: { readonly keys?: boolean }) => {
    await withClient(terminal, command, async ({ client, hex, print }) => {
      const { leaseTimeToLive } = await import("../../wire/methods.ts");
      const reply = await client.call(leaseTimeToLive, { ID: id, keys: options.keys === true });
      const keys = reply.keys.map((key) => byteString(key));
      const show = hex ? hexEscaped : (key: string) => key;
      print({
        plain: () => {
          if (reply.TTL < 0n) return `lease ${leaseText(id)} already expired\n`;
          const attached = options.keys === true ? `, attached keys([${keys.map(show).join(" ")}])` : "";
          return `lease ${leaseText(id)} granted with TTL(${reply.grantedTTL}s), remaining(${reply.TTL}s)${attached}\n`;
        },
        table: () =>
          table(
            ["LEASE", "GRANTED TTL", "REMAINING", "KEYS"],
            [
              [
                leaseText(id),
                String(reply.grantedTTL),
                reply.TTL < 0n ? "expired" : String(reply.TTL),
                keys.map(hex ? hexEscaped : printable).join("\n"),
              ],
            ],
          ),
        json: () => ({
          ...flatHeader(reply.header),
          id: reply.ID,
          ttl: reply.TTL,
          "granted-ttl": reply.grantedTTL,
          keys: keys.length === 0 ? null : keys.map(base64),
        }),
      });
    });
  });
}

function addList(lease: Command, terminal: Terminal): void {
  const command = lease.command("list").summary("all leases");
  example(command, "Lists all leases.", ["quorate lease list"]);
  addClientOptions(command).action(async () => {
    await withClient(terminal, command, async ({ client, print }) => {
      const { leaseList } = await import("../../wire/methods.ts");
      const { header, leases } = await client.call(leaseList, {});
      print({
        plain: () => `found ${leases.length} leases\n${leases.map(({ ID }) => `${leaseText(ID)}\n`).join("")}`,
        table: () =>
          table(
            ["LEASE"],
            leases.map(({ ID }) => [leaseText(ID)]),
          ),
        json: () => ({ ...flatHeader(header), leases: leases.map(({ ID }) => ({ id: ID })) }),
      });
    });
  });
}

function addKeepAlive(lease: Command, terminal: Terminal): void {
  const command = lease
    .command("keep-alive")
    .summary("renew a lease again and again")
    .argument("<id>", "the lease (hexadecimal)", leaseNumber)
    .option("--once", "renew it once and end");
  example(command, "Renews a lease each third of its time until it ends or Ctrl-C.", [
    "quorate lease keep-alive 694d8a1c0b2e5f01",
    "quorate lease keep-alive 694d8a1c0b2e5f01 --once",
  ]);
  addClientOptions(command).action(async (id: bigint, options: { readonly once?: boolean }) => {
    await withClient(terminal, command, (context) => keepAlive(context, id, options.once === true));
  });
}

async function keepAlive(context: ClientContext, id: bigint, once: boolean): Promise<void> {
  for (;;) {
    const reply = await renew(context, id);
    if (reply.TTL <= 0n) throw callError(`lease ${leaseText(id)} expired or revoked`);
    context.print({
      plain: () => `lease ${leaseText(id)} keepalived with TTL(${reply.TTL})\n`,
      table: () => table(["LEASE", "TTL"], [[leaseText(id), String(reply.TTL)]]),
      json: () => ({ ...flatHeader(reply.header), ID: reply.ID, TTL: reply.TTL }),
    });
    if (once) return;
    const pauseMs = Math.max(500, (Number(reply.TTL) * 1000) / 3);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

/** One renewal, tried at each endpoint once more while members cannot be reached or have no leader. */
async function renew({ client }: ClientContext, id: bigint): Promise<LeaseKeepAliveResponse> {
  const { leaseKeepAlive } = await import("../../wire/methods.ts");
  return client.exchange(leaseKeepAlive, { ID: id });
}
