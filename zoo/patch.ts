/** Puts a defect into the text of a source file. */
import type { Defect } from "./defect.ts";

/** The files of a defect, each once. */
export function filesOf(defect: Defect): string[] {
  return [...new Set(defect.patches.map(({ file }) => file))];
}

/**
 * The text of `file` with all patches of the defect that are for it, in their order.
 * @throws Error naming defect, file and text, if a text does not stand there exactly once: the file has changed since.
 */
export function applyPatches(defect: Defect, file: string, source: string): string {
  let patched = source;
  for (const patch of defect.patches) {
    if (patch.file !== file) continue;
    const places = patched.split(patch.text).length - 1;
    if (patch.text === "" || places !== 1) {
      throw new Error(
        `defect ${defect.name} does not fit ${file}: this text must be in it once, it is there ${places} times; ` +
          `bring the defect up to date with the file:\n${patch.text}`,
      );
    }
    // As a function: a replacement may contain "$".
    patched = patched.replace(patch.text, () => patch.replacement);
  }
  if (patched === source)
    throw new Error(`defect ${defect.name} changes nothing in ${file}: give it other replacements`);
  return patched;
}
