import type { Command } from "commander";

/** What `--help` says: what the verb does, its options, and commands that work as they stand. */
export function example(command: Command, description: string, commands: readonly string[]): Command {
  return command
    .description(description)
    .addHelpText(
      "after",
      `\nExample${commands.length > 1 ? "s" : ""}:\n${commands.map((line) => `  ${line}`).join("\n")}`,
    );
}
