/** `services list|watch|register|drain|maintenance|resume`. */
import type { Command } from "commander";
import type { Instance } from "../../discovery/registry/instance.ts";
import type { Services } from "../../discovery/registry/services.ts";
import { stayAlive } from "../../node/stay-alive.ts";
import { byteStringOfText } from "../../wire/byte-string.ts";
import { addClientOptions, type Output, withQuorate } from "../client-options.ts";
import type { Json } from "../format/json.ts";
import { hexId, printable, table } from "../format/table.ts";
import { Interrupt } from "../holding/interrupt.ts";
import type { Terminal } from "../terminal.ts";
import { example } from "./example.ts";
import { addServicesRegister } from "./services-register.ts";
import { eachOf } from "./services-words.ts";

interface FilterOptions {
  readonly tag?: readonly string[];
  readonly zone?: string;
  readonly up?: boolean;
}

export function addServices(program: Command, terminal: Terminal): void {
  const services = program.command("services").summary("who is where, and takes calls");
  example(services, "Services and their instances: who is where, and takes calls.", [
    "quorate services register shop --address 10.0.0.7 --port 8080 -- ./shop",
    "quorate services list shop -w table",
  ]);
  addList(services, terminal);
  addWatch(services, terminal);
  addServicesRegister(services, terminal);
  addOrders(services, terminal);
}

function addFilter(command: Command): Command {
  return command
    .option("--tag <tag>", "only with this tag; may be given several times", eachOf)
    .option("--zone <zone>", "only in this zone")
    .option("--up", "only those that take calls");
}

function addList(services: Command, terminal: Terminal): void {
  const command = services
    .command("list")
    .summary("print the instances there are")
    .argument("[name]", "the service (default: all)");
  example(
    addFilter(command),
    "Prints the instances of a service, or of all: service, id, address, state, weight, zone, tags, and why it takes no calls.",
    ["quorate services list -w table", "quorate services list shop --up --tag v2"],
  );
  addClientOptions(command).action((name: string | undefined, options: FilterOptions) =>
    withQuorate(terminal, command, {}, async ({ q, print }) => {
      const found =
        name === undefined
          ? [...(await q.services.list())].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([, instances]) => instances)
          : await q.services.instances(name, { states: "all" });
      print(instancesOutput(found.filter((instance) => isWanted(instance, options))));
    }),
  );
}

function isWanted({ tags, zone, state }: Instance, options: FilterOptions): boolean {
  if (options.up === true && state !== "up") return false;
  if (options.zone !== undefined && options.zone !== zone) return false;
  return (options.tag ?? []).every((tag) => tags.includes(tag));
}

function addWatch(services: Command, terminal: Terminal): void {
  const command = services
    .command("watch")
    .summary("print the instances, and again after each change")
    .argument("<name>", "the service");
  example(
    addFilter(command),
    "Prints the instances of a service, and again after each change, until Ctrl-C. In plain output an empty line ends each list.",
    ["quorate services watch shop --up"],
  );
  addClientOptions(command).action(async (name: string, options: FilterOptions) => {
    using interrupt = new Interrupt();
    const { signal } = interrupt;
    await withQuorate(terminal, command, { signal }, async ({ q, print }) => {
      const { tag: tags, zone } = options;
      const filter = { ...(tags === undefined ? {} : { tags }), ...(zone === undefined ? {} : { zone }) };
      const states = options.up === true ? {} : { states: "all" as const };
      const printAll = async (): Promise<void> => {
        for await (const { instances } of q.services.watch(name, { ...filter, ...states }, { signal })) {
          const output = instancesOutput(instances);
          print({ ...output, plain: () => `${output.plain()}\n` });
        }
      };
      await stayAlive(printAll());
    });
  });
}

interface Order {
  readonly verb: "drain" | "maintenance" | "resume";
  readonly summary: string;
  readonly description: string;
  readonly done: string;
  readonly give: (services: Services, name: string, id: string, reason: string) => Promise<void>;
}

const ORDERS: readonly Order[] = [
  {
    verb: "drain",
    summary: "let an instance take no new calls",
    description: "Lets an instance take no new calls, until it is registered anew.",
    done: "draining",
    give: (services, name, id, reason) => services.drain(name, id, reason),
  },
  {
    verb: "maintenance",
    summary: "take an instance out for a reason",
    description: "Takes an instance out for a reason, also when it is registered anew later, until `resume`.",
    done: "in maintenance",
    give: (services, name, id, reason) => services.maintenance(name, id, reason),
  },
  {
    verb: "resume",
    summary: "take back drain and maintenance",
    description: "Takes back what was ordered with drain or maintenance. What the instance has ordered itself remains.",
    done: "resumed",
    give: (services, name, id) => services.resume(name, id),
  },
];

function addOrders(services: Command, terminal: Terminal): void {
  for (const { verb, summary, description, done, give } of ORDERS) {
    const command = services
      .command(verb)
      .summary(summary)
      .argument("<name>", "the service")
      .argument("<id>", "the instance");
    if (verb !== "resume") command.option("--reason <text>", "what others see of why", "");
    example(command, description, [
      `quorate services ${verb} shop a1${verb === "maintenance" ? " --reason disk" : ""}`,
    ]);
    addClientOptions(command).action((name: string, id: string, options: { readonly reason?: string }) =>
      withQuorate(terminal, command, {}, async ({ q, print }) => {
        await give(q.services, name, id, options.reason ?? "");
        print({
          plain: () => byteStringOfText(`${id} ${done}\n`),
          table: () => table(["SERVICE", "ID", "RESULT"], [[safe(name), safe(id), done]]),
          json: () => ({ service: name, id, result: done }),
        });
      }),
    );
  }
}

const HEAD = ["SERVICE", "ID", "ADDRESS", "STATE", "WEIGHT", "ZONE", "TAGS", "REASON", "LEASE"];

export function instancesOutput(instances: readonly Instance[]): Output {
  return {
    // The lease says nothing to a person who reads lines.
    plain: () => instances.map((one) => byteStringOfText(`${rowOf(one).slice(0, -1).join("\t")}\n`)).join(""),
    table: () => table(HEAD, instances.map(rowOf)),
    json: () => ({ instances: instances.map(jsonOf) }),
  };
}

function rowOf({ service, id, address, port, state, weight, zone = "", tags, reason, lease }: Instance): string[] {
  const host = address.includes(":") ? `[${address}]` : address;
  const texts = [service, id, `${host}:${port}`, state, String(weight), zone, tags.join(","), reason];
  return [...texts.map(safe), hexId(lease)];
}

/** What instances say of themselves may be anything. */
function safe(text: string): string {
  return printable(byteStringOfText(text));
}

function jsonOf({ service, id, address, port, state, reason, weight, zone, ...more }: Instance): Json {
  const { tags, metadata, lease, fence } = more;
  const fixed = { service, id, address, port, state, reason, weight, tags: [...tags], metadata: { ...metadata } };
  return { ...fixed, lease, fence, ...(zone === undefined ? {} : { zone }) };
}
