import assert from "node:assert/strict";
import test from "node:test";
import { createLogger } from "./logger.ts";

test("JSON lines with ids in hexadecimal and errors by message", () => {
  const lines: string[] = [];
  const logger = createLogger({ level: "info", format: "json", write: (line) => lines.push(line) });
  logger.info({ member: 255n, peers: [1n], nested: { id: 16n }, cause: new Error("broken") }, "started");
  logger.debug({}, "not seen");
  assert.equal(lines.length, 1);
  const { time, ...rest } = JSON.parse(lines[0] ?? "") as Record<string, unknown>;
  assert.match(String(time), /^\d{4}-\d\d-\d\dT.*Z$/);
  assert.deepEqual(rest, {
    level: "info",
    member: "ff",
    peers: ["1"],
    nested: { id: "10" },
    cause: "broken",
    msg: "started",
  });
});

test("readable lines", () => {
  const lines: string[] = [];
  const logger = createLogger({ level: "debug", format: "console", write: (line) => lines.push(line) });
  logger.warn({ epoch: 3, to: "m2" }, "leadership moves");
  assert.match(lines[0] ?? "", /^\S+Z WARN {2}leadership moves epoch=3 to=m2\n$/);
});
