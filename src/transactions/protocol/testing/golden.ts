/** Texts that tests pin: what a run came to, for people to read. `QUORATE_WRITE_GOLDEN=1` writes them anew. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";

export function assertGolden(name: string, text: string): void {
  const file = new URL(`golden/${name}`, import.meta.url);
  if (process.env.QUORATE_WRITE_GOLDEN === "1") writeFileSync(file, text);
  assert.equal(text, readFileSync(file, "utf8"), `golden/${name} is different: read it, then QUORATE_WRITE_GOLDEN=1`);
}
