import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { tell } from "./diagnostics.ts";
import { nodeDiagnostics } from "./node-diagnostics.ts";
import type { Store } from "./store.ts";

test("the page names every channel, and no other", () => {
  const page = readFileSync(new URL("../../docs/diagnostics.md", import.meta.url), "utf8");
  const rows = Array.from(page.matchAll(/^\| `(quorate:[a-z:]+)` \|/gm), ([, name]) => name);
  assert.deepEqual(rows, Object.keys(nodeDiagnostics));
});

test("each channel is the process' one of its name", () => {
  const store = { diagnostics: nodeDiagnostics } as unknown as Store;
  const heard: unknown[] = [];
  const listen = (message: unknown): void => void heard.push(message);
  const message = (): { store: Store; state: { is: "closed"; error: null } } => ({
    store,
    state: { is: "closed", error: null },
  });
  tell(store, "quorate:status", message);
  subscribe("quorate:status", listen);
  tell(store, "quorate:status", message);
  unsubscribe("quorate:status", listen);
  tell(store, "quorate:status", message);
  assert.deepEqual(heard, [message()]);
});
