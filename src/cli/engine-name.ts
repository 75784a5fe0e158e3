import { InvalidArgumentError } from "commander";
import { engines } from "../consensus/engines.ts";

/** Reads an engine's name from the command line. */
export function engineName(text: string): string {
  if (engines.has(text)) return text;
  throw new InvalidArgumentError(`There is no such engine; there is: ${[...engines.keys()].join(", ")}.`);
}
