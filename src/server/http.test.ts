import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { encodeCommand } from "../keyspace/command.ts";
import { etcdErrors } from "../keyspace/etcd-errors.ts";
import { PutRequestSchema, PutResponseSchema } from "../wire/gen/etcdserverpb/kv_pb.ts";
import { ClusterView } from "./cluster-view.ts";
import { createHttpFront } from "./http.ts";
import { Metrics } from "./metrics.ts";
import { startServer } from "./server.ts";
import { FakeReplica } from "./testing/fake-replica.ts";
import { type Harness, SteppedClock, withServer } from "./testing/harness.ts";

async function get({ address }: Harness, path: string, method = "GET"): Promise<{ status: number; body: string }> {
  const response = await fetch(`http://${address.host}:${address.port}${path}`, { method });
  return { status: response.status, body: await response.text() };
}

test("health: alarms, leader, reads; some can be left out", async () => {
  await withServer(async (harness) => {
    const { replica } = harness;
    const well = { status: 200, body: '{"health":"true","reason":""}' };
    assert.deepEqual(await get(harness, "/health"), well);
    replica.apply(encodeCommand({ type: "alarm", action: "activate", memberId: 5n, alarm: 1 }));
    assert.deepEqual(await get(harness, "/health"), {
      status: 503,
      body: '{"health":"false","reason":"ALARM NOSPACE"}',
    });
    assert.deepEqual(await get(harness, "/health?exclude=NOSPACE"), well);
    replica.apply(encodeCommand({ type: "alarm", action: "deactivate", memberId: 5n, alarm: 1 }));
    replica.become({ leader: 0n });
    assert.deepEqual(await get(harness, "/health"), {
      status: 503,
      body: '{"health":"false","reason":"RAFT NO LEADER"}',
    });
    assert.deepEqual(await get(harness, "/health?serializable=true"), well);
    replica.become({ leader: 2n });
    replica.failWith = etcdErrors.timeout();
    assert.deepEqual(await get(harness, "/health"), {
      status: 503,
      body: '{"health":"false","reason":"RANGE ERROR:etcdserver: request timed out"}',
    });
    assert.equal((await get(harness, "/health", "POST")).status, 405);
  });
});

test("livez asks only this member, readyz a quorum; each check by name, verbose, or left out", async () => {
  await withServer(async (harness) => {
    const { replica } = harness;
    assert.deepEqual(await get(harness, "/livez"), { status: 200, body: "ok\n" });
    assert.deepEqual(await get(harness, "/readyz?verbose"), {
      status: 200,
      body: "[+]data_corruption ok\n[+]serializable_read ok\n[+]linearizable_read ok\n[+]non_learner ok\nok\n",
    });
    replica.failWith = etcdErrors.noLeader();
    assert.equal((await get(harness, "/livez")).status, 200);
    const ill = await get(harness, "/readyz");
    assert.equal(ill.status, 503);
    assert.match(ill.body, /^\[-\]linearizable_read failed: etcdserver: no leader$/m);
    assert.match(ill.body, /readyz check failed\n$/);
    assert.equal((await get(harness, "/readyz?exclude=linearizable_read")).status, 200);
    assert.equal((await get(harness, "/readyz/serializable_read")).status, 200);
    assert.equal((await get(harness, "/readyz/linearizable_read")).status, 503);
    assert.equal((await get(harness, "/readyz/no_such_check")).status, 404);
  });
});

test("version, members, and what is not there", async () => {
  await withServer(async (harness) => {
    const version = JSON.parse((await get(harness, "/version")).body) as Record<string, string>;
    assert.match(version["etcdserver"] ?? "", /^3\.5\.\d+$/);
    assert.equal(version["etcdcluster"], "3.5.0");
    assert.match(version["quorate"] ?? "", /^\d+\.\d+\.\d+/);
    const members = JSON.parse((await get(harness, "/members")).body) as unknown;
    assert.deepEqual(members, {
      clusterId: "ffffffff00000001",
      memberId: "feed",
      members: [
        {
          id: "feed",
          name: "one",
          peerUrls: ["http://127.0.0.1:2380"],
          clientUrls: ["http://127.0.0.1:2379"],
          isLearner: false,
        },
      ],
    });
    assert.equal((await get(harness, "/nothing")).status, 404);
  });
});

test("metrics have etcd's names, and count what happens", async () => {
  await withServer(async (harness) => {
    const { client, replica } = harness;
    const key = new TextEncoder().encode("k");
    await client.call("/etcdserverpb.KV/Put", PutRequestSchema, PutResponseSchema, { key });
    await client.failure("/etcdserverpb.KV/Put", PutRequestSchema, {});
    replica.counters.onSync?.(3);
    replica.become({ leader: 2n });
    const { body } = await get(harness, "/metrics");
    const lines = body.split("\n");
    for (const line of [
      "etcd_server_has_leader 1",
      "etcd_server_is_leader 0",
      "etcd_server_leader_changes_seen_total 3",
      "etcd_server_proposals_applied_total 1",
      "etcd_debugging_mvcc_keys_total 1",
      'etcd_disk_wal_fsync_duration_seconds_bucket{le="0.002"} 0',
      'etcd_disk_wal_fsync_duration_seconds_bucket{le="0.004"} 1',
      'etcd_disk_wal_fsync_duration_seconds_bucket{le="+Inf"} 1',
      "etcd_disk_wal_fsync_duration_seconds_count 1",
      'grpc_server_handled_total{grpc_code="OK",grpc_method="Put",grpc_service="etcdserverpb.KV",grpc_type="unary"} 1',
      'grpc_server_handled_total{grpc_code="InvalidArgument",grpc_method="Put",grpc_service="etcdserverpb.KV",grpc_type="unary"} 1',
    ]) {
      assert.ok(lines.includes(line), `no line: ${line}`);
    }
    // Every sample belongs to a family that was announced with its type.
    const families = new Set(lines.filter((line) => line.startsWith("# TYPE ")).map((line) => line.split(" ")[2]));
    for (const line of lines) {
      if (line === "" || line.startsWith("#")) continue;
      const name = (/^[a-zA-Z0-9_:]+/.exec(line)?.[0] ?? "").replace(/_(bucket|sum|count)$/, "");
      assert.ok(families.has(name), line);
      assert.match(line, /^[a-zA-Z0-9_:]+(\{[^}]*\})? (-?[0-9.e+-]+|NaN|[+-]Inf)$/);
    }
  });
});

test("one port speaks both, however the first bytes are cut; nonsense is answered and closed", async () => {
  await withServer(async ({ address }) => {
    const socket = connect(address.port, address.host);
    await once(socket, "connect");
    socket.write("G");
    await new Promise((resolve) => setImmediate(resolve));
    socket.write("ET /version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    const chunks: Buffer[] = [];
    socket.on("data", (chunk: Buffer) => chunks.push(chunk));
    await once(socket, "close");
    assert.match(Buffer.concat(chunks).toString(), /^HTTP\/1\.1 200 OK[^]*etcdserver/);

    const http2 = connect(address.port, address.host);
    await once(http2, "connect");
    http2.write("PR");
    await new Promise((resolve) => setImmediate(resolve));
    http2.write("I * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    http2.write(Uint8Array.of(0, 0, 0, 4, 0, 0, 0, 0, 0));
    const [settings] = (await once(http2, "data")) as [Buffer];
    assert.equal(settings[3], 4, "the server's first HTTP/2 frame is SETTINGS");
    http2.destroy();

    const nonsense = connect(address.port, address.host);
    await once(nonsense, "connect");
    nonsense.write(Uint8Array.of(0x16, 0x03, 0x01, 0x00, 0xff, 0x0d, 0x0a));
    nonsense.resume();
    await once(nonsense, "close");
  });
});

test("a wrong URL or a port in use is one clear error", async () => {
  await withServer(async ({ replica, environment, address }) => {
    const start = (url: string): Promise<unknown> => startServer({ replica, environment, clientListenUrls: [url] });
    await assert.rejects(start(`http://127.0.0.1:${address.port}`), {
      code: "LISTEN",
      message: new RegExp(`^cannot listen for clients on 127\\.0\\.0\\.1:${address.port}: the port is in use`),
    });
    for (const [url, why] of [
      ["https://127.0.0.1:0", /"https:\/\/127\.0\.0\.1:0" asks for TLS/],
      ["127.0.0.1", /"127\.0\.0\.1" is no URL/],
      ["unix://x", /has the scheme unix/],
      ["http://127.0.0.1:0/x", /has more than a host and a port/],
    ] as const) {
      await assert.rejects(start(url), { code: "CONFIG", message: why });
    }
  });
});

test("a connection whose request does not come in time is closed, also one that trickles or idles", async (t) => {
  const pairs = createServer();
  pairs.listen(0, "127.0.0.1");
  await once(pairs, "listening");
  const { port } = pairs.address() as AddressInfo;
  const pair = async (): Promise<{ client: Socket; server: Socket }> => {
    const accepted = once(pairs, "connection");
    const client = connect(port, "127.0.0.1");
    const [server] = (await accepted) as [Socket];
    return { client, server };
  };
  const slow = await pair();
  const idle = await pair();
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const clock = new SteppedClock();
  const replica = new FakeReplica(clock);
  const metrics = new Metrics();
  const front = createHttpFront({
    replica,
    view: new ClusterView(replica),
    metricsText: () => "",
    healthSucceeded: metrics.counter("a", ""),
    healthFailed: metrics.counter("b", ""),
  });
  front.accept(slow.server);
  front.accept(idle.server);
  slow.client.write("GET /version HTTP/1.1\r\nHost:");
  idle.client.write("GET /version HTTP/1.1\r\nHost: x\r\n\r\n");
  await once(idle.client, "data");
  // The answer's end is noted in a turn of its own.
  for (let turns = 0; turns < 10; turns++) await new Promise((resolve) => setImmediate(resolve));
  t.mock.timers.tick(9_999);
  assert.equal(slow.server.destroyed, false);
  t.mock.timers.tick(1);
  assert.equal(slow.server.destroyed, true);
  assert.equal(idle.server.destroyed, false);
  t.mock.timers.tick(60_000);
  assert.equal(idle.server.destroyed, true);
  slow.client.destroy();
  idle.client.destroy();
  pairs.close();
});

test("a port for metrics serves HTTP and no gRPC", async () => {
  await withServer(async ({ replica, environment }) => {
    const url = "http://127.0.0.1:0";
    const server = await startServer({ replica, environment, clientListenUrls: [url], metricsListenUrls: [url] });
    const [address] = server.metricsAddresses;
    assert.ok(address !== undefined);
    const response = await fetch(`http://${address.host}:${address.port}/metrics`);
    assert.match(await response.text(), /^etcd_server_has_leader 1$/m);
    const http2 = connect(address.port, address.host);
    await once(http2, "connect");
    http2.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    http2.resume();
    await once(http2, "close");
    await server.close(0);
  });
});
