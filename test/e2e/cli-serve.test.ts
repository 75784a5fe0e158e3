/** `quorate serve` as a process: what it refuses, how it starts, how it ends. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { freePorts } from "../support/ports.ts";
import { quorate, RunningCommand } from "./command.ts";

const folder = mkdtempSync(join(tmpdir(), "quorate-serve-"));
const started = new Set<RunningCommand>();
after(async () => {
  for (const member of started) member.signal("SIGKILL");
  await Promise.all([...started].map((member) => member.ended()));
  rmSync(folder, { recursive: true, force: true });
});

interface Place {
  readonly words: readonly string[];
  readonly client: string;
}

/** A member of its own on free ports. */
async function place(name: string): Promise<Place> {
  const [client, peer] = await freePorts(2);
  return {
    client: `127.0.0.1:${client}`,
    words: [
      "serve",
      `--name=${name}`,
      `--data-dir=${join(folder, name)}`,
      `--listen-client-urls=http://127.0.0.1:${client}`,
      `--listen-peer-urls=http://127.0.0.1:${peer}`,
    ],
  };
}

function serve(words: readonly string[], env: Readonly<Record<string, string>> = {}): RunningCommand {
  const member = new RunningCommand(words, { env, cwd: folder });
  started.add(member);
  return member;
}

test("starts, serves, stops on SIGTERM with code 0, and has its data when started again", async () => {
  const { words, client } = await place("again");
  for (const round of [1, 2]) {
    const member = serve(words);
    await member.says(/member again is ready for clients/);
    if (round === 1) await quorate(["put", "k", "kept", "--endpoints", client]);
    assert.equal((await quorate(["get", "k", "--endpoints", client])).stdout, "k\nkept\n");
    member.signal(round === 1 ? "SIGTERM" : "SIGINT");
    const { code, stderr } = await member.ended();
    assert.equal(code, 0, stderr);
  }
});

test("settings come from the environment and the file, and log lines are JSON", async () => {
  const [client, peer] = await freePorts(2);
  const file = join(folder, "quorate.yaml");
  writeFileSync(file, `# a member\nname: filed\nlisten-peer-urls: http://127.0.0.1:${peer}\nmax-txn-ops: 1\n`);
  const member = serve(["serve", "--config-file", file, "--max-txn-ops", "2"], {
    QUORATE_LISTEN_CLIENT_URLS: `http://127.0.0.1:${client}`,
    QUORATE_ENDPOINTS: "ignored:1",
  });
  await member.says(/member filed is ready for clients/);
  const two = await quorate(["txn", "--endpoints", `127.0.0.1:${client}`], { input: "\nput a 1\nput b 1\n" });
  assert.equal(two.code, 0, two.stderr);
  const three = await quorate(["txn", "--endpoints", `127.0.0.1:${client}`], {
    input: "\nput a 1\nput b 1\nput c 1\n",
  });
  assert.equal(three.stderr, "Error: etcdserver: too many operations in txn request\n");
  member.signal("SIGTERM");
  const { stderr } = await member.ended();
  for (const line of stderr.trim().split("\n"))
    assert.equal(typeof (JSON.parse(line) as { msg: unknown }).msg, "string");
});

test("may use most of the machine's memory, unless the user chose a limit", async () => {
  const heapOf = async (name: string, env: Readonly<Record<string, string>>): Promise<string> => {
    const { words } = await place(name);
    const member = serve(words, env);
    await member.says(/is ready for clients/);
    const commandLine = readFileSync(`/proc/${member.pid}/cmdline`, "utf8");
    member.signal("SIGTERM");
    await member.ended();
    return commandLine;
  };
  assert.match(await heapOf("roomy", {}), /\0--max-old-space-size=\d+\0/);
  assert.doesNotMatch(await heapOf("chosen", { NODE_OPTIONS: "--max-old-space-size=300" }), /max-old-space-size/);
});

describe("what it cannot do is refused on one line with code 2, before it starts", () => {
  async function refusal(words: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
    const { code, stdout, stderr } = await quorate(words, { env, cwd: folder });
    assert.equal(code, 2, stderr);
    assert.equal(stdout, "");
    assert.match(stderr, /^quorate: [^\n]+\n$/);
    return stderr;
  }

  test("flags", async () => {
    assert.match(await refusal(["serve", "--nmae", "x"]), /--nmae "x" is unknown: did you mean name\?/);
    assert.match(await refusal(["serve", "--cert-file=a"]), /--cert-file "a": TLS is not supported yet/);
    assert.match(
      await refusal(["serve", "--experimental-initial-corrupt-check"]),
      /--experimental-initial-corrupt-check: etcd's experimental/,
    );
    assert.match(await refusal(["serve", "-name", "x"]), /-name is unknown: flags are written with two dashes, --name/);
    assert.match(await refusal(["serve", "m1"]), /"m1" is no flag/);
    assert.match(await refusal(["serve", "--name", "a", "--name", "b"]), /It was given before as 'a'/);
    assert.match(await refusal(["serve", "--name"]), /argument missing/);
    assert.match(
      await refusal(["serve", "--heartbeat-interval", "x"]),
      /--heartbeat-interval "x" is not a whole number of milliseconds/,
    );
  });

  test("environment and file", async () => {
    assert.match(
      await refusal(["serve"], { QUORATE_DATADIR: "x" }),
      /environment variable QUORATE_DATADIR is unknown: did you mean data-dir\?/,
    );
    assert.match(
      await refusal(["serve", "--config-file", "/nowhere/q.yaml"]),
      /--config-file cannot be read: \/nowhere\/q\.yaml: does not exist/,
    );
    writeFileSync(join(folder, "bad.yaml"), "name: a\nelection-timeout: soon\n");
    assert.match(
      await refusal(["serve", "--config-file", "bad.yaml"]),
      /bad\.yaml:2: election-timeout "soon" is not a whole number/,
    );
  });

  test("a port in use", async () => {
    const { words, client } = await place("taken");
    const port = Number(client.split(":")[1]);
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(port, "127.0.0.1", resolve));
    try {
      const line = (await quorate(words)).stderr.split("\n").filter((one) => one.startsWith("quorate: "));
      assert.equal(line.length, 1);
      assert.match(line[0] ?? "", new RegExp(`--listen-client-urls: .*${port}.*in use`));
    } finally {
      holder.close();
    }
  });

  test("a data directory that is a file, and one that another member uses", async () => {
    writeFileSync(join(folder, "file"), "x");
    const { words } = await place("unlucky");
    const outcome = await quorate(
      words.map((word) => (word.startsWith("--data-dir") ? `--data-dir=${join(folder, "file")}` : word)),
    );
    assert.equal(outcome.code, 2);
    assert.match(outcome.stderr, /^quorate: .*file/m);

    const first = await place("shared");
    const member = serve(first.words);
    await member.says(/is ready for clients/);
    const second = await place("second");
    const other = await quorate(
      second.words.map((word) => (word.startsWith("--data-dir") ? `--data-dir=${join(folder, "shared")}` : word)),
    );
    assert.equal(other.code, 2);
    assert.match(other.stderr, /^quorate: .*shared/m);
    assert.doesNotMatch(other.stderr, /\n {4}at /);
    member.signal("SIGTERM");
    assert.equal((await member.ended()).code, 0);
  });
});
