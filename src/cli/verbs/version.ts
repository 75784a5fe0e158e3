/** `version`. */
import type { Command } from "commander";
import type { StatusResponse } from "../../wire/gen/etcdserverpb/maintenance_pb.ts";
import { addClientOptions, type ClientContext, withClient } from "../client-options.ts";
import { table } from "../format/table.ts";
import { packageVersion } from "../package-version.ts";
import type { Terminal } from "../terminal.ts";
import { type Answered, askEach, failIfAny, parted } from "./ask.ts";
import { example } from "./example.ts";

export function addVersion(program: Command, terminal: Terminal): void {
  const command = program.command("version").summary("the version of this command, and of the endpoints given");
  example(command, "Prints the version of this command; with --endpoints, of those members too.", ["quorate version"]);
  addClientOptions(command).action(async () => {
    await withClient(terminal, command, async (context) => {
      const version = packageVersion();
      const servers = context.endpointsGiven ? await serverVersions(context) : { answered: [], failed: 0 };
      const rows = servers.answered.map(({ endpoint, answer }) => [endpoint.text, answer.version]);
      context.print({
        plain: () =>
          [`quorate ${version}`, ...rows.map(([at, theirs]) => `${at} ${theirs}`)].map((line) => `${line}\n`).join(""),
        table: () => table(["WHERE", "VERSION"], [["quorate", version], ...rows]),
        json: () => ({
          version,
          node: process.versions.node,
          endpoints: rows.length === 0 ? undefined : rows.map(([at, theirs]) => ({ Endpoint: at, version: theirs })),
        }),
      });
      failIfAny(servers.failed, servers.failed + rows.length);
    });
  });
}

async function serverVersions(
  context: ClientContext,
): Promise<{ answered: Answered<StatusResponse>[]; failed: number }> {
  const { status } = await import("../../wire/methods.ts");
  return parted(await askEach(context, context.client.endpoints, (one) => one.call(status, {})), context);
}
