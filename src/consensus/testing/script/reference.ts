/** The language's reference for its README, made from the tables that the player reads. */
import { sections } from "./commands.ts";
import { expectationSections } from "./expectations.ts";
import { setupParts } from "./setup.ts";

interface Row {
  readonly pattern: string;
  readonly does: string;
}

function table(title: string, prefix: string, rows: readonly Row[]): string {
  const lines = rows.map(({ pattern, does }) => `| \`${prefix}${pattern}\` | ${does} |`);
  return [`### ${title}`, "", "| reads | does |", "| --- | --- |", ...lines].join("\n");
}

/** As Markdown, from the first heading on. */
export function reference(): string {
  const engine = { pattern: "engine {name}", does: "Which protocol plays: `raft`, also if nothing is said." };
  const cluster = {
    pattern: "cluster {parts}",
    does: "Founds one: `cluster 3 voters, lease reads`. Another begins anew.",
  };
  const quietly = { pattern: "quietly {command}", does: "Carries it out and records only how members stand then." };
  return [
    table("The cluster", "", [engine, cluster]),
    table("In a `cluster` line, separated by commas", "", setupParts),
    ...sections.map(({ title, commands }) => table(title, "", commands)),
    table("Any of these", "", [quietly]),
    ...expectationSections.map(({ title, commands }) => table(`Statements: ${title}`, "expect ", commands)),
  ].join("\n\n");
}
