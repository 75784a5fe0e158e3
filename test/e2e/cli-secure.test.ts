/** Verbs against a real etcd that wants TLS, certificates of clients, and users. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { ETCD, ETCDCTL, missing, output } from "../support/programs.ts";
import { Authority, type Certificate } from "./certificates.ts";
import { quorate } from "./command.ts";
import { SecureEtcd } from "./secure-etcd.ts";

const skip = missing(ETCD) || missing(ETCDCTL);
// A busy machine may take its time.
const PATIENT = { QUORATE_DIAL_TIMEOUT: "20s", QUORATE_COMMAND_TIMEOUT: "20s" };

describe("a cluster with TLS and users", { skip, timeout: 240_000 }, () => {
  let authority: Authority;
  let etcd: SecureEtcd;
  let secure: readonly string[];

  const etcdctl = (...words: readonly string[]): Promise<string> =>
    output("etcdctl", ["--endpoints", `https://${etcd.authority}`, "--cacert", authority.cacert, ...words], {
      env: { ETCDCTL_API: "3" },
    });

  before(async () => {
    authority = await Authority.found();
    etcd = await SecureEtcd.start(await authority.sign("server"));
    secure = ["--endpoints", `https://${etcd.authority}`, "--cacert", authority.cacert];
    await etcdctl("user", "add", "root:top");
    await etcdctl("user", "grant-role", "root", "root");
    await etcdctl("user", "add", "ann:se:cret");
    await etcdctl("role", "add", "writer");
    await etcdctl("role", "grant-permission", "writer", "readwrite", "mine");
    await etcdctl("user", "grant-role", "ann", "writer");
    await etcdctl("auth", "enable");
  });
  after(async () => {
    await etcd?.[Symbol.asyncDispose]();
    await authority?.[Symbol.asyncDispose]();
  });

  test("takes a user's calls, and refuses what the user may not do", async () => {
    const ann = [...secure, "--user", "ann:se:cret"];
    assert.deepEqual(await quorate([...ann, "put", "mine", "1"], { env: PATIENT }), {
      code: 0,
      signal: null,
      stdout: "OK\n",
      stderr: "",
    });
    const refused = await quorate([...ann, "put", "other", "1"], { env: PATIENT });
    assert.deepEqual([refused.code, refused.stderr], [1, "Error: etcdserver: permission denied\n"]);
    const lock = await quorate([...ann, "lock", "a", "--", "true"], { env: PATIENT });
    assert.deepEqual([lock.code, lock.stdout], [69, ""]);
    assert.match(lock.stderr, /^Error: .*permission denied/);
  });

  test("says who is not let in", async () => {
    const nobody = await quorate([...secure, "get", "mine"], { env: PATIENT });
    assert.deepEqual([nobody.code, nobody.stdout], [1, ""]);
    assert.match(nobody.stderr, /^Error: .*give user and password/);
    const wrong = await quorate([...secure, "get", "mine", "--user", "ann:guess"], { env: PATIENT });
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /^Error: user "ann": /);
  });

  test("is reached with variables alone; locks, members and watches work as elsewhere", async () => {
    const env = {
      ...PATIENT,
      QUORATE_ENDPOINTS: `https://${etcd.authority}`,
      QUORATE_CACERT: authority.cacert,
      QUORATE_USER: "root",
      QUORATE_PASSWORD: "top",
    };
    const lock = await quorate(["lock", "a", "--", "sh", "-c", "exit 3"], { env });
    assert.equal(lock.code, 3, lock.stderr);
    const status = await quorate(["endpoint", "status", "--cluster"], { env });
    assert.equal(status.code, 0, status.stderr);
    assert.match(status.stdout, new RegExp(`^https://${etcd.authority}, `));
    assert.equal((await quorate(["counter", "add", "n", "5"], { env })).stdout, "5\n");
  });

  test("is encrypted without a scheme when an authority is given, and refused without", async () => {
    const bare = ["--endpoints", etcd.authority, "--user", "root:top", "get", "mine"];
    assert.equal((await quorate([...bare, "--cacert", authority.cacert], { env: PATIENT })).code, 0);
    const skipped = await quorate([...bare, "--insecure-skip-tls-verify"], { env: PATIENT });
    assert.equal(skipped.code, 0, skipped.stderr);
    const untrusted = await quorate(["--endpoints", `https://${etcd.authority}`, "get", "mine"], { env: PATIENT });
    assert.equal(untrusted.code, 1);
    assert.match(untrusted.stderr, /unable to verify the first certificate|self-signed certificate/);
  });
});

test("a cluster that asks clients for certificates", { skip, timeout: 120_000 }, async () => {
  await using authority = await Authority.found();
  await using etcd = await SecureEtcd.start(await authority.sign("server"), authority);
  const own: Certificate = await authority.sign("client");
  const secure = ["--endpoints", `https://${etcd.authority}`, "--cacert", authority.cacert];
  const words = [...secure, "--cert", own.cert, "--key", own.key, "put", "a", "1"];
  const known = await quorate(words, { env: PATIENT });
  assert.equal(known.code, 0, known.stderr);
  const unknown = await quorate([...secure, "put", "a", "1"], { env: PATIENT });
  assert.equal(unknown.code, 1);
});

test("a server whose certificate is another's is refused", { skip, timeout: 120_000 }, async () => {
  await using authority = await Authority.found();
  await using etcd = await SecureEtcd.start(await authority.sign("elsewhere", "IP:127.0.0.2"));
  const words = ["--endpoints", `https://${etcd.authority}`, "--cacert", authority.cacert, "get", "a"];
  const { code, stderr } = await quorate(words, { env: PATIENT });
  assert.equal(code, 1);
  assert.match(stderr, /IP: 127\.0\.0\.1 is not in the cert's list: 127\.0\.0\.2/);
});

test("what cannot be used is refused by name, before anything is sent", { skip, timeout: 120_000 }, async () => {
  await using authority = await Authority.found();
  const { cert, key } = await authority.sign("client");
  const other = await authority.sign("other");
  const garbage = `${cert}.garbage`;
  await writeFile(garbage, "no certificate");
  for (const [words, message] of [
    [["--cert", cert], /--cert is given without --key: give both/],
    [["--cacert", "/no/such/file"], /--cacert: \/no\/such\/file: does not exist/],
    [["--cacert", garbage], /--cacert ".*" is no PEM file/],
    [["--cert", cert, "--key", other.key], /--cert ".*", --key ".*" cannot be used: .*key values mismatch/],
    [["--cert", cert, "--key", key, "--endpoints", "http://127.0.0.1:1"], /is not encrypted, but TLS is asked for/],
    [["--cacert", authority.cacert, "--insecure-skip-tls-verify"], /contradict each other/],
    [["--user", "ann"], /--user "ann" has no password: give name:password, --password or QUORATE_PASSWORD/],
    [["--password", "secret"], /--password is given without --user/],
  ] as const) {
    const { code, stderr } = await quorate(["get", "a", ...words]);
    assert.equal(code, 2, words.join(" "));
    assert.match(stderr, message);
  }
});
