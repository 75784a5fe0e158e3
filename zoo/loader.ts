/**
 * Patches the sources while Node loads them, so that the program itself holds no switches:
 *
 *     QUORATE_ZOO_DEFECT=figure-8 node --import ./zoo/loader.ts some-program.ts
 *
 * Without the variable, or with an empty one, nothing is changed. Worker threads inherit both the variable and the
 * `--import`, so they run the same patched sources.
 */
import { registerHooks } from "node:module";
import { defects } from "./catalogue.ts";
import type { Defect } from "./defect.ts";
import { applyPatches, filesOf } from "./patch.ts";

export const defectVariable = "QUORATE_ZOO_DEFECT";

const project = new URL("..", import.meta.url).href;
const waiting = new Set<string>();

/** Files of the defect that were not loaded yet, in this thread: while there are some, nothing has been measured. */
export function unpatchedFiles(): string[] {
  return [...waiting];
}

/** The defect this process runs with; null: none. */
export const activeDefect: Defect | null = choose(process.env[defectVariable] ?? "");

function choose(name: string): Defect | null {
  if (name === "") return null;
  const defect = defects.find((one) => one.name === name);
  if (defect === undefined) {
    throw new Error(
      `${defectVariable} is ${name}, which is no defect of the zoo: see zoo/catalogue.ts for their names`,
    );
  }
  return defect;
}

function install(defect: Defect): void {
  for (const file of filesOf(defect)) waiting.add(file);
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      const [bare = ""] = url.split(/[?#]/, 1);
      const file = bare.startsWith(project) ? decodeURIComponent(bare.slice(project.length)) : null;
      if (file === null || !defect.patches.some((patch) => patch.file === file)) return loaded;
      const { source } = loaded;
      if (source === undefined || source === null) throw new Error(`${url} came without a text to patch`);
      const text = typeof source === "string" ? source : new TextDecoder().decode(source);
      waiting.delete(file);
      return { ...loaded, source: applyPatches(defect, file, text) };
    },
  });
}

if (activeDefect !== null) install(activeDefect);
