import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import type { Command } from "commander";
import { createProgram, run } from "./program.ts";
import { flags, variableOf } from "./serve/flags.ts";
import type { Terminal } from "./terminal.ts";

interface Captured extends Terminal {
  readonly stdout: () => string;
  readonly stderr: () => string;
}

function captured(env: Readonly<Record<string, string>> = {}): Captured {
  let out = "";
  let err = "";
  return {
    env,
    stdin: (async function* () {})(),
    isTTY: false,
    out: (text) => {
      out += Buffer.from(text).toString("utf8");
    },
    err: (text) => {
      err += text;
    },
    stdout: () => out,
    stderr: () => err,
  };
}

/** Every verb with its own action: `get`, `lease grant`, … */
function verbs(command: Command = createProgram(captured()), path: readonly string[] = []): (readonly string[])[] {
  if (command.commands.length === 0) return [path];
  return command.commands.flatMap((child) => verbs(child, [...path, child.name()]));
}

describe("help", () => {
  for (const verb of verbs()) {
    test(`of ${verb.join(" ")} says what it does, and has an example that begins with it`, async () => {
      const terminal = captured();
      assert.equal(await run([...verb, "--help"], terminal), 0);
      assert.match(terminal.stdout(), new RegExp(`^Usage: quorate ${verb.join(" ")} `));
      assert.match(terminal.stdout(), new RegExp(`\nExamples?:\n  .*quorate ${verb.join(" ")}`));
      assert.equal(terminal.stderr(), "");
    });
  }

  test("of the program names every verb", async () => {
    const terminal = captured();
    assert.equal(await run(["--help"], terminal), 0);
    for (const [first] of verbs()) assert.match(terminal.stdout(), new RegExp(`\n  ${first} `));
  });

  test("is what one gets without a verb, as wrong use", async () => {
    const terminal = captured();
    assert.equal(await run([], terminal), 2);
    assert.match(terminal.stderr(), /^Usage: quorate /);
  });
});

test("the environment gives what the command line does not, and is named when it is wrong", async () => {
  const cases: readonly (readonly [Readonly<Record<string, string>>, string])[] = [
    [
      { QUORATE_ENDPOINTS: "nowhere" },
      'quorate: QUORATE_ENDPOINTS "nowhere" is not host:port with a port from 1 to 65535, such as 127.0.0.1:2379\n',
    ],
    [{ QUORATE_WRITE_OUT: "xml" }, 'quorate: QUORATE_WRITE_OUT "xml" is no output format: use table, json or plain\n'],
    [
      { QUORATE_DIAL_TIMEOUT: "soon" },
      'quorate: QUORATE_DIAL_TIMEOUT "soon" is not a time from 1ms to 24h, such as 5s or 1m30s\n',
    ],
  ];
  for (const [env, line] of cases) {
    const terminal = captured(env);
    assert.equal(await run(["get", "k"], terminal), 2);
    assert.equal(terminal.stderr(), line);
  }
  const overruled = captured({ QUORATE_WRITE_OUT: "xml" });
  assert.equal(await run(["version", "-w", "json"], overruled), 0);
  assert.match(overruled.stdout(), /^\{"version":"\d/);
});

describe("the reference page does not drift from the command", () => {
  const page = readFileSync(new URL("../../docs/reference/cli.md", import.meta.url), "utf8");

  test("it has every verb", () => {
    for (const verb of verbs()) assert.ok(page.includes(`\`${verb.join(" ")}`), `${verb.join(" ")} is missing`);
  });

  test("it has every flag of serve with its default, and no other", () => {
    const section = page.slice(page.indexOf("## `serve`"));
    const rows = [...section.matchAll(/^\| `--([a-z0-9-]+)` +\| ([^|]*[^| ]) *\|/gm)].map(([, name, fallback]) => [
      name,
      fallback,
    ]);
    assert.deepEqual(
      rows,
      flags.map(({ name, fallback }) => [name, fallback === undefined ? "–" : `\`${fallback}\``]),
    );
    assert.ok(page.includes(variableOf("data-dir")));
  });
});
