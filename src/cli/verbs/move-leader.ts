/** `move-leader`. */
import type { Command } from "commander";
import { GrpcStatus, QuorateError } from "../../errors.ts";
import type { StatusResponse } from "../../wire/gen/etcdserverpb/maintenance_pb.ts";
import type { Endpoint } from "../client/endpoints.ts";
import { addClientOptions, type ClientContext, hexNumber, withClient } from "../client-options.ts";
import { callError } from "../failure.ts";
import { headerJson, withoutEmpty } from "../format/json.ts";
import { hexId, table } from "../format/table.ts";
import type { Terminal } from "../terminal.ts";
import { askEach, targets } from "./ask.ts";
import { example } from "./example.ts";

export function addMoveLeader(program: Command, terminal: Terminal): void {
  const command = program
    .command("move-leader")
    .summary("let another member lead")
    .argument("<id>", "the member that shall lead (hexadecimal)", hexNumber);
  example(command, "Hands leadership over. Finds the leader among the endpoints, or among all members.", [
    "quorate move-leader 8e9e05c52164694d",
  ]);
  addClientOptions(command).action(async (id: bigint) => {
    await withClient(terminal, command, async (context) => {
      const { status, moveLeader } = await import("../../wire/methods.ts");
      const leader = await findLeader(context, (one) => one.call(status, {}));
      const one = context.client.withEndpoints([leader.endpoint]);
      try {
        const reply = await one.call(moveLeader, { targetID: id });
        context.print({
          plain: () => `Leadership transferred from ${hexId(leader.id)} to ${hexId(id)}\n`,
          table: () => table(["FROM", "TO"], [[hexId(leader.id), hexId(id)]]),
          json: () => withoutEmpty({ header: headerJson(reply.header) }),
        });
      } finally {
        one.close();
      }
    });
  });
}

async function findLeader(
  context: ClientContext,
  ask: (one: ClientContext["client"]) => Promise<StatusResponse>,
): Promise<{ readonly endpoint: Endpoint; readonly id: bigint }> {
  const leads = async (
    endpoints: readonly Endpoint[],
  ): Promise<{ readonly endpoint: Endpoint; readonly id: bigint } | null> => {
    for (const { endpoint, answer } of await askEach(context, endpoints, ask)) {
      if (answer instanceof QuorateError) continue;
      const id = answer.header?.memberId ?? 0n;
      if (id !== 0n && answer.leader === id) return { endpoint, id };
    }
    return null;
  };
  const found = (await leads(context.client.endpoints)) ?? (await leads(await targets(context, { cluster: true })));
  if (found === null) throw callError("no member leads now: try again in a moment", GrpcStatus.unavailable);
  return found;
}
