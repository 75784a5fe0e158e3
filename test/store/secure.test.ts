/** The remote store over TLS, to a real etcd: large answers, many calls at once, and who is not let in. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { type ConnectStoreOptions, connectStore } from "../../src/store/connect-store.ts";
import type { TlsOptions } from "../../src/store/grpc/options.ts";
import type { PutRequest, RangeRequest } from "../../src/wire/kv.ts";
import { Authority } from "../e2e/certificates.ts";
import { SecureEtcd } from "../e2e/secure-etcd.ts";
import { ETCD, missing } from "../support/programs.ts";

const ALL: RangeRequest = {
  key: "\0",
  rangeEnd: "\0",
  limit: 0,
  revision: 0,
  sortOrder: 0,
  sortTarget: 0,
  keysOnly: false,
  countOnly: false,
  serializable: false,
  minModRevision: 0,
  maxModRevision: 0,
  minCreateRevision: 0,
  maxCreateRevision: 0,
};
const watchAll = { key: "\0", rangeEnd: "\0", startRevision: 0, prevKv: false, without: [], progress: false };
const PATIENT = { timeoutMs: 30_000 };

function putOf(key: string, value: string): PutRequest {
  return { key, value, lease: 0n, prevKv: false, ignoreValue: false, ignoreLease: false };
}

describe("a store in an etcd that asks for certificates", { skip: missing(ETCD), timeout: 120_000 }, () => {
  let authority: Authority;
  let etcd: SecureEtcd;
  let endpoint: string;
  let tls: TlsOptions;

  const store = (options: ConnectStoreOptions): ReturnType<typeof connectStore> =>
    connectStore(endpoint, { connectTimeoutMs: 20_000, dialTimeoutMs: 20_000, ...options });

  before(async () => {
    authority = await Authority.found();
    etcd = await SecureEtcd.start(await authority.sign("server"), authority);
    endpoint = `https://${etcd.authority}`;
    const client = await authority.sign("client");
    const [ca, cert, key] = await Promise.all(
      [authority.cacert, client.cert, client.key].map((path) => readFile(path)),
    );
    assert.ok(ca !== undefined && cert !== undefined && key !== undefined);
    tls = { ca, cert, key };
  });
  after(async () => {
    await etcd?.[Symbol.asyncDispose]();
    await authority?.[Symbol.asyncDispose]();
  });

  test("carries many calls at once, large requests and answers, and watches", async () => {
    await using one = await store({ tls });
    const seen = new Set<string>();
    const watch = one.watch(watchAll);
    const watching = (async () => {
      for await (const { events } of watch) {
        for (const { kv } of events) seen.add(kv.key);
        if (seen.size === 310) break;
      }
    })();
    await watch.ready;
    await Promise.all(Array.from({ length: 300 }, (_, n) => one.put(putOf(`small/${n}`, String(n)), PATIENT)));
    const large = (n: number): string => String.fromCharCode(97 + n).repeat(1_000_000);
    await Promise.all(Array.from({ length: 10 }, (_, n) => one.put(putOf(`large/${n}`, large(n)), PATIENT)));
    const { kvs } = await one.range(ALL, PATIENT);
    assert.equal(kvs.length, 310);
    for (const { key, value } of kvs) {
      const [kind, n] = key.split("/");
      assert.ok(value === (kind === "small" ? n : large(Number(n))), key);
    }
    await watching;
  });

  test("does not let in who has no certificate, or trusts another authority, and says so", async () => {
    assert.ok(tls.ca !== undefined);
    const brief = { connectTimeoutMs: 3_000 };
    await assert.rejects(store({ ...brief, tls: { ca: tls.ca } }), { code: "UNAVAILABLE", message: /certificate/ });
    await assert.rejects(store(brief), { code: "UNAVAILABLE", message: /certificate/ });
    await assert.rejects(connectStore(etcd.authority, brief), { code: "UNAVAILABLE", message: /https:\/\// });
    await assert.rejects(store({ tls: { ca: "no PEM", cert: "x", key: "y" } }), {
      code: "INVALID_ARGUMENT",
      message: /tls cannot be used/,
    });
  });
});
