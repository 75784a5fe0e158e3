/** Health checks before servers that are well, ill, silent and gone. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { type AddressInfo, createServer as createTcpServer, type Server } from "node:net";
import { after, describe, test } from "node:test";
import { Server as GrpcServer, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from "@grpc/grpc-js";
import { commandCheck } from "../../src/discovery/checks/command-check.ts";
import { grpcCheck } from "../../src/discovery/checks/grpc-check.ts";
import { httpCheck } from "../../src/discovery/checks/http-check.ts";
import { tcpCheck } from "../../src/discovery/checks/tcp-check.ts";
import type { HealthCheck } from "../../src/discovery/registry/health.ts";

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  after(() => server.close());
  return (server.address() as AddressInfo).port;
}

async function deadPort(): Promise<number> {
  const server = createTcpServer();
  const port = await listen(server);
  await new Promise((resolve) => void server.close(resolve));
  return port;
}

/** Why it fails; null: it passes. */
async function verdict(check: HealthCheck, signal = new AbortController().signal): Promise<string | null> {
  return check.probe({ signal }).then(
    () => null,
    (error: Error) => error.message,
  );
}

/** A probe that nobody answers ends when it is given up. */
async function endsWhenGivenUp(check: HealthCheck): Promise<void> {
  const giveUp = new AbortController();
  const given = verdict(check, giveUp.signal);
  setTimeout(() => giveUp.abort(), 20);
  assert.notEqual(await given, null);
}

describe("health checks", { timeout: 60_000 }, () => {
  test("HTTP", async () => {
    const statuses: Record<string, number> = { "/ok": 204, "/ill": 500, "/moved": 302 };
    const server = createServer((request, response) => {
      const status = statuses[request.url ?? ""];
      if (status !== undefined) response.writeHead(status, { location: "/ok", connection: "close" }).end();
    });
    after(() => server.closeAllConnections());
    const base = `http://127.0.0.1:${await listen(server)}`;
    assert.equal(await verdict(httpCheck(`${base}/ok`)), null);
    assert.equal(await verdict(httpCheck(`${base}/ill`)), "status 500");
    assert.equal(await verdict(httpCheck(`${base}/moved`)), "status 302");
    assert.match((await verdict(httpCheck(`http://127.0.0.1:${await deadPort()}/`))) ?? "", /ECONNREFUSED/);
    await endsWhenGivenUp(httpCheck(`${base}/silent`));
  });

  test("TCP", async () => {
    const port = await listen(createTcpServer((socket) => socket.destroy()));
    assert.equal(await verdict(tcpCheck({ host: "127.0.0.1", port })), null);
    assert.match((await verdict(tcpCheck({ host: "127.0.0.1", port: await deadPort() }))) ?? "", /ECONNREFUSED/);
  });

  test("a command", async () => {
    assert.equal(await verdict(commandCheck(["true"])), null);
    assert.equal(await verdict(commandCheck(["sh", "-c", "echo no disk >&2; exit 3"])), "exit code 3: no disk");
    assert.equal(await verdict(commandCheck(["sh", "-c", "kill -TERM $$"])), "ended by SIGTERM");
    assert.match((await verdict(commandCheck(["no-such-command"]))) ?? "", /ENOENT/);
    await endsWhenGivenUp(commandCheck(["sleep", "1000"]));
  });

  test("gRPC", async () => {
    const server = new GrpcServer();
    const check = (
      { request }: ServerUnaryCall<{ readonly service: string }, number>,
      done: sendUnaryData<number>,
    ): void => {
      if (request.service === "silent") return;
      if (request.service === "unknown") return done({ code: 5, details: "unknown service" });
      done(null, request.service === "ill" ? 2 : 1);
    };
    const definition = {
      path: "/grpc.health.v1.Health/Check",
      requestStream: false,
      responseStream: false,
      requestSerialize: ({ service }: { readonly service: string }) => Buffer.from(service),
      requestDeserialize: (bytes: Buffer) => ({ service: bytes.subarray(2).toString() }),
      responseSerialize: (status: number) => Buffer.from([0x08, status]),
      responseDeserialize: (bytes: Buffer) => bytes[1] ?? 0,
    };
    server.addService({ check: definition }, { check });
    after(() => server.forceShutdown());
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) => {
        if (error === null) resolve(bound);
        else reject(error);
      });
    });
    const target = `127.0.0.1:${port}`;
    assert.equal(await verdict(grpcCheck(target)), null);
    assert.equal(await verdict(grpcCheck(target, { service: "shop" })), null);
    assert.equal(await verdict(grpcCheck(target, { service: "ill" })), "NOT_SERVING");
    assert.match((await verdict(grpcCheck(target, { service: "unknown" }))) ?? "", /unknown service/);
    await endsWhenGivenUp(grpcCheck(target, { service: "silent" }));
    assert.notEqual(await verdict(grpcCheck(`127.0.0.1:${await deadPort()}`)), null);
  });
});
