/** `docs/errors.md` and the codes in the sources say the same. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { GrpcStatus } from "../errors.ts";
import { etcdErrors } from "../keyspace/etcd-errors.ts";
import { remoteError } from "./errors.ts";

interface Found {
  readonly code: string;
  /** In upper snake case, as the page has it; null: the source does not say it beside the code. */
  readonly status: string | null;
  readonly retryable: boolean | null;
  readonly where: string;
}

const root = new URL("../../", import.meta.url);

/** `deadlineExceeded` → `DEADLINE_EXCEEDED`. */
function upper(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}

const statusNames = new Map(Object.entries(GrpcStatus).map(([name, status]) => [status as number, upper(name)]));

/** A code as the first argument of what makes an error, and what follows up to the end of the call. */
const MADE =
  /\b(?:QuorateError|CallFailure|callFailure|make|refuse|error|fail)?\(\s*"(?<code>[A-Z][A-Z0-9_]+)",\s*(?:GrpcStatus\.(?<status>\w+))?/g;
const MAKERS = /\b(?:QuorateError|CallFailure|refuse)\($/;

/** The call that begins with the parenthesis at `from`, up to the one that closes it. */
function callAt(source: string, from: number): string {
  let depth = 0;
  for (let at = from; at < source.length; at++) {
    if (source[at] === "(") depth++;
    else if (source[at] === ")" && --depth === 0) return source.slice(from, at);
  }
  return source.slice(from);
}

function foundIn(where: string): Found[] {
  const source = readFileSync(new URL(where, root), "utf8");
  return [...source.matchAll(MADE)].flatMap((match): Found[] => {
    const { code = "", status } = match.groups ?? {};
    const from = match.index + match[0].indexOf("(");
    // Codes of other kinds (of system errors, of frames) have no status behind them.
    if (status === undefined && !MAKERS.test(source.slice(Math.max(0, from - 20), from + 1))) return [];
    if (status === undefined) return [{ code, status: null, retryable: null, where }];
    const [, said] = /retryable: (true|false)/.exec(callAt(source, from)) ?? [];
    const retryable = said === undefined ? status === "unavailable" : said === "true";
    return [{ code, status: upper(status), retryable, where }];
  });
}

/** All that the sources make, tests and simulated machines left out. */
function allFound(): Found[] {
  const files = globSync("src/**/*.ts", { cwd: root }).filter(
    (path) => !/\.test\.ts$|\/testing\/|^src\/(?:sim|virtual)\/|etcd-errors\.ts$/.test(path),
  );
  const etcd = Object.values(etcdErrors).map((make): Found => {
    const { code, status, retryable } = make();
    return { code, status: statusNames.get(status) ?? "", retryable, where: "etcd-errors.ts" };
  });
  const byStatus = Object.values(GrpcStatus)
    .filter((status) => status !== GrpcStatus.ok)
    .map((status): Found => {
      const { code, retryable } = remoteError(status, "a text that is none of etcd's");
      return { code, status: statusNames.get(status) ?? "", retryable, where: "statuses" };
    });
  return [...files.flatMap(foundIn), ...etcd, ...byStatus];
}

interface Row {
  readonly statuses: readonly string[];
  readonly retryable: string;
  readonly advice: string;
}

function rowsOfPage(): Map<string, Row> {
  const page = readFileSync(new URL("docs/errors.md", root), "utf8");
  const rows = [...page.matchAll(/^\| `([A-Z0-9_]+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$/gm)];
  const codes = rows.map(([, code]) => code);
  assert.deepEqual([...new Set(codes)], codes, "a code has two rows");
  return new Map(
    rows.map(([, code = "", statuses = "", retryable = "", advice = ""]) => [
      code,
      { statuses: statuses.split(", "), retryable, advice },
    ]),
  );
}

describe("the page of errors", () => {
  const found = allFound();
  const rows = rowsOfPage();

  test("has every code of the sources", () => {
    const missing = found.filter(({ code }) => !rows.has(code)).map(({ code, where }) => `${code} (${where})`);
    assert.deepEqual(missing, []);
  });

  test("has no code that is not in the sources", () => {
    const codes = new Set(found.map(({ code }) => code));
    assert.deepEqual(
      [...rows.keys()].filter((code) => !codes.has(code)),
      [],
    );
  });

  test("says each status and each answer to whether it may be tried again, and no other", () => {
    for (const [code, { statuses, retryable, advice }] of rows) {
      const made = found.filter((one) => one.code === code && one.status !== null);
      if (made.length === 0) continue;
      assert.deepEqual(new Set<string | null>(statuses), new Set(made.map(({ status }) => status)), code);
      const answers = new Set(made.map((one) => (one.retryable === true ? "yes" : "no")));
      assert.deepEqual(new Set(retryable.match(/\b(?:yes|no)\b/g)), answers, code);
      assert.ok(advice.length > 10, code);
    }
  });
});
