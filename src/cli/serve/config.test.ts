import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type ServeConfig, serveConfig } from "./config.ts";
import { flags, unsupportedReason, variableOf } from "./flags.ts";
import { collectSettings } from "./sources.ts";

interface Given {
  readonly flags?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  /** Content of the file `q.yaml`, given by --config-file. */
  readonly file?: string;
}

function configOf({ flags: given = {}, env = {}, file }: Given): ServeConfig {
  const all = file === undefined ? given : { ...given, "config-file": "q.yaml" };
  return serveConfig(collectSettings({ flags: new Map(Object.entries(all)), env, readFile: () => file ?? "" }));
}

/** A value other than the default for each flag that is no number. */
const different: Readonly<Record<string, string>> = {
  name: "other",
  "data-dir": "/data",
  "listen-client-urls": "http://127.0.0.1:1",
  "advertise-client-urls": "http://h:1",
  "listen-peer-urls": "http://127.0.0.1:2",
  "initial-advertise-peer-urls": "http://h:2",
  "listen-metrics-urls": "http://127.0.0.1:3",
  "initial-cluster": "default=http://localhost:2380,b=http://h:2",
  "initial-cluster-state": "existing",
  "initial-cluster-token": "other",
  "pre-vote": "true",
  "lease-reads": "true",
  engine: "raft",
  "phase2-quorum": "2",
  "auto-compaction-mode": "revision",
  "auto-compaction-retention": "5m",
  "watch-progress-notify-interval": "5s",
  "strict-reconfig-check": "false",
  "log-level": "debug",
  "log-format": "console",
};

const needs: Readonly<Record<string, Record<string, string>>> = {
  "initial-cluster-state": { "initial-cluster": "default=http://localhost:2380,b=http://h:2" },
};

/** There is no other value yet. */
const sameAsDefault: readonly string[] = ["pre-vote"];

describe("where settings come from", () => {
  test("nothing given: a member alone on this machine", () => {
    const config = configOf({});
    assert.deepEqual(config.listenClientUrls, ["http://localhost:2379"]);
    assert.deepEqual(config.advertiseClientUrls, ["http://localhost:2379"]);
    assert.deepEqual(config.initialCluster, [{ name: "default", peerUrls: ["http://localhost:2380"] }]);
    assert.equal(config.dataDir, "default.quorate");
    assert.equal(config.quotaBackendBytes, 2 * 1024 ** 3);
    assert.deepEqual(config.autoCompaction, { mode: "off" });
  });

  test("a flag wins over the environment, which wins over the file", () => {
    const env = { QUORATE_NAME: "environment", QUORATE_MAX_TXN_OPS: "7" };
    const file = "name: file\nmax-txn-ops: 6\nsnapshot-count: 5000\n";
    const config = configOf({ flags: { name: "flag" }, env, file });
    assert.equal(config.name, "flag");
    assert.equal(config.maxTxnOps, 7);
    assert.equal(config.snapshotCount, 5000);
  });

  test("every flag is read from the command line, the environment and the file", () => {
    for (const { name, kind, fallback } of flags) {
      const text =
        different[name] ??
        (kind.type === "integer" ? String(Number(fallback) === kind.max ? kind.max - 1 : Number(fallback) + 1) : null);
      assert.notEqual(text, null, `${name} has no example`);
      if (text === null) continue;
      // What goes with it.
      const also: Record<string, string> =
        name === "auto-compaction-mode" ? { "auto-compaction-retention": "1000" } : (needs[name] ?? {});
      const alone = configOf({ flags: { ...also, [name]: text } });
      if (!sameAsDefault.includes(name)) assert.notDeepEqual(alone, configOf({ flags: also }), name);
      assert.deepEqual(configOf({ flags: also, env: { [variableOf(name)]: text } }), alone, name);
      assert.deepEqual(configOf({ flags: also, file: `${name}: ${text}` }), alone, name);
    }
  });

  test("variables of client verbs, the project's tests and Kubernetes services are none of its settings", () => {
    const env = {
      QUORATE_ENDPOINTS: "a:1",
      QUORATE_WRITE_OUT: "json",
      QUORATE_TEST_TARGET: "etcd",
      QUORATE_SERVICE_HOST: "10.0.0.1",
      QUORATE_SERVICE_PORT: "2379",
      QUORATE_SERVICE_PORT_CLIENT: "2379",
      QUORATE_PORT: "tcp://10.0.0.1:2379",
      QUORATE_PORT_2379_TCP_ADDR: "10.0.0.1",
      QUORATE_CLIENT_SERVICE_HOST: "10.0.0.1",
      QUORATE_NAME: "",
      PATH: "/bin",
    };
    assert.deepEqual(configOf({ env }), configOf({}));
  });

  test("the file may be named by a variable", () => {
    const read: string[] = [];
    const settings = collectSettings({
      flags: new Map(),
      env: { QUORATE_CONFIG_FILE: "/etc/q.yaml" },
      readFile: (path) => {
        read.push(path);
        return "name: here";
      },
    });
    assert.deepEqual(read, ["/etc/q.yaml"]);
    assert.equal(serveConfig(settings).name, "here");
  });
});

describe("a setting that cannot be used is refused by name, with its value and what to do", () => {
  const cluster = "m1=http://10.0.0.1:2380,m2=http://10.0.0.2:2380";
  const m1 = { name: "m1", "initial-advertise-peer-urls": "http://10.0.0.1:2380" };
  const cases: readonly (readonly [string, Given, RegExp])[] = [
    ["unknown flag", { flags: { "data-dirr": "x" } }, /^--data-dirr "x" is unknown: did you mean data-dir\?$/],
    ["far from any flag", { flags: { zzzzzz: "" } }, /^--zzzzzz is unknown: see quorate serve --help/],
    [
      "unknown variable",
      { env: { QUORATE_NAM: "x" } },
      /^environment variable QUORATE_NAM is unknown: did you mean name\?$/,
    ],
    ["unknown key", { file: "name: a\nnam: b" }, /^q\.yaml:2: nam is unknown: did you mean name\?$/],
    ["TLS flag", { flags: { "cert-file": "a.pem" } }, /^--cert-file "a\.pem": TLS is not supported yet; leave it out$/],
    [
      "TLS variable",
      { env: { QUORATE_AUTO_TLS: "true" } },
      /^environment variable QUORATE_AUTO_TLS: TLS is not supported yet/,
    ],
    [
      "TLS in the file",
      { file: "client-transport-security:\n  cert-file: x" },
      /q\.yaml:1: .*nested in it, which are not supported/,
    ],
    ["authentication", { flags: { "auth-token": "jwt" } }, /^--auth-token "jwt": authentication is not supported yet/],
    ["discovery", { flags: { "discovery-srv": "x" } }, /discovery is not supported yet/],
    ["proxy", { flags: { proxy: "on" } }, /proxy mode is not supported yet/],
    [
      "experimental",
      { flags: { "experimental-x": "" } },
      /^--experimental-x: etcd's experimental flags are not supported/,
    ],
    [
      "no number",
      { flags: { "max-txn-ops": "many" } },
      /^--max-txn-ops "many" is not a whole number of operations from 1 to 10000$/,
    ],
    ["number too small", { env: { QUORATE_MAX_TXN_OPS: "0" } }, /^QUORATE_MAX_TXN_OPS "0" is not a whole number/],
    [
      "number too large",
      { file: "max-request-bytes: 99999999" },
      /^q\.yaml:1: max-request-bytes "99999999" is not .* to 10485760$/,
    ],
    ["fraction", { flags: { "snapshot-count": "1000.5" } }, /^--snapshot-count "1000\.5"/],
    ["negative", { flags: { "quota-backend-bytes": "-1" } }, /^--quota-backend-bytes "-1"/],
    ["no boolean", { flags: { "lease-reads": "yes" } }, /^--lease-reads "yes" is unknown: use true or false$/],
    [
      "no duration",
      { flags: { "watch-progress-notify-interval": "10" } },
      /^--watch-progress-notify-interval "10" is not a time/,
    ],
    [
      "bad level",
      { flags: { "log-level": "loud" } },
      /^--log-level "loud" is unknown: use debug or info or warn or error$/,
    ],
    [
      "bad state",
      { flags: { "initial-cluster-state": "old" } },
      /^--initial-cluster-state "old" is unknown: use new or existing$/,
    ],
    [
      "quorum of nobody",
      { flags: { engine: "paxos", "phase2-quorum": "0" } },
      /^--phase2-quorum "0" is not a whole number/,
    ],
    [
      "quorum of an engine that has majorities",
      { flags: { engine: "zab" }, env: { QUORATE_PHASE2_QUORUM: "2" } },
      /^QUORATE_PHASE2_QUORUM "2" is nothing for --engine zab, which commits with a majority: leave it out$/,
    ],
    ["engine unknown", { flags: { engine: "viewstamped" } }, /^--engine "viewstamped" is unknown: use raft/],
    ["pre-vote off", { flags: { "pre-vote": "false" } }, /^--pre-vote "false" cannot be turned off/],
    ["empty name", { flags: { name: " " } }, /^--name " " is empty/],
    ["name with =", { flags: { name: "a=b" } }, /^--name "a=b" has a character/],
    [
      "no URL",
      { flags: { "listen-client-urls": "localhost:2379" } },
      /^--listen-client-urls "localhost:2379" is no URL of the form/,
    ],
    [
      "URL with TLS",
      { flags: { "listen-peer-urls": "https://1.2.3.4:2380" } },
      /^--listen-peer-urls .*: TLS is not supported yet/,
    ],
    [
      "listening on a name",
      { flags: { "listen-client-urls": "http://db.example:2379" } },
      /db\.example is a name; to listen give an IP address/,
    ],
    [
      "URL twice",
      { flags: { "listen-client-urls": "http://1.1.1.1:1,http://1.1.1.1:1" } },
      /names http:\/\/1\.1\.1\.1:1 twice/,
    ],
    [
      "one port for both",
      { flags: { "listen-client-urls": "http://localhost:2380" } },
      /^--listen-peer-urls .* uses http:\/\/localhost:2380, and so does --listen-client-urls/,
    ],
    [
      "everywhere, not advertised",
      { flags: { "listen-client-urls": "http://0.0.0.0:2379" } },
      /^--listen-client-urls .* --advertise-client-urls must say/,
    ],
    [
      "advertised everywhere",
      { flags: { "advertise-client-urls": "http://[::]:2379" } },
      /^--advertise-client-urls "http:\/\/\[::\]:2379" cannot be reached by others/,
    ],
    ["advertised port 0", { flags: { "advertise-client-urls": "http://h:0" } }, /has port 0/],
    [
      "election too short",
      { flags: { "heartbeat-interval": "500" } },
      /^--election-timeout "1000" is less than 5 times --heartbeat-interval \(500\): use at least 2500$/,
    ],
    [
      "not in the cluster",
      { flags: { ...m1, name: "m3", "initial-cluster": cluster } },
      /^--initial-cluster names m1, m2, but not this member: add m3=http:\/\/10\.0\.0\.1:2380/,
    ],
    [
      "other URL in the cluster",
      { flags: { name: "m1", "initial-cluster": cluster } },
      /^--initial-cluster has m1 at http:\/\/10\.0\.0\.1:2380, but --initial-advertise-peer-urls is http:\/\/localhost:2380/,
    ],
    [
      "not name=url",
      { flags: { "initial-cluster": "http://a:1" } },
      /^--initial-cluster "http:\/\/a:1" is not name=peer-url/,
    ],
    [
      "one URL, two members",
      { flags: { ...m1, "initial-cluster": `${cluster},m3=http://10.0.0.2:2380` } },
      /gives http:\/\/10\.0\.0\.2:2380 to m2 and to m3/,
    ],
    [
      "existing without a cluster",
      { flags: { "initial-cluster-state": "existing" } },
      /^--initial-cluster-state "existing" needs --initial-cluster/,
    ],
    [
      "existing but alone",
      { flags: { ...m1, "initial-cluster": "m1=http://10.0.0.1:2380", "initial-cluster-state": "existing" } },
      /contradicts --initial-cluster-state existing/,
    ],
    [
      "time as revisions",
      { flags: { "auto-compaction-mode": "revision", "auto-compaction-retention": "5m" } },
      /^--auto-compaction-retention "5m" contradicts --auto-compaction-mode revision/,
    ],
    [
      "no retention",
      { flags: { "auto-compaction-retention": "soon" } },
      /^--auto-compaction-retention "soon" is no time/,
    ],
  ];
  for (const [name, given, message] of cases) {
    test(name, () => {
      assert.throws(
        () => configOf(given),
        (error: Error & { code?: string }) => {
          assert.equal(error.code, "USAGE");
          assert.match(error.message, message);
          assert.doesNotMatch(error.message, /\n/);
          return true;
        },
      );
    });
  }
});

test("a cluster's members may have several peer URLs", () => {
  const config = configOf({
    flags: {
      name: "a",
      "initial-advertise-peer-urls": "http://h1:1,http://H2:2",
      "initial-cluster": "a=http://h2:2,b=http://h3:3, a=http://h1:1",
    },
  });
  assert.deepEqual(config.initialCluster, [
    { name: "a", peerUrls: ["http://h2:2", "http://h1:1"] },
    { name: "b", peerUrls: ["http://h3:3"] },
  ]);
});

test("retention is read by its mode", () => {
  const of = (mode: string, retention: string): unknown =>
    configOf({ flags: { "auto-compaction-mode": mode, "auto-compaction-retention": retention } }).autoCompaction;
  assert.deepEqual(of("periodic", "2"), { mode: "periodic", retentionMs: 7_200_000 });
  assert.deepEqual(of("periodic", "30m"), { mode: "periodic", retentionMs: 1_800_000 });
  assert.deepEqual(of("revision", "1000"), { mode: "revision", retention: 1000 });
  assert.deepEqual(of("periodic", "0s"), { mode: "off" });
  assert.deepEqual(of("revision", "0"), { mode: "off" });
});

test("no flag is both supported and refused, and each default can be read", () => {
  for (const { name, fallback } of flags) {
    assert.equal(unsupportedReason(name), null, name);
    if (fallback !== undefined) assert.doesNotThrow(() => configOf({ flags: { [name]: fallback } }), name);
  }
});
