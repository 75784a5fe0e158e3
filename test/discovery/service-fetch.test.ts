import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { after, describe, test } from "node:test";
import { serviceFetch } from "../../src/discovery/adapters/service-fetch.ts";
import type { Services } from "../../src/discovery/registry/services.ts";
import { realServices } from "./real-time.ts";

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

async function instance(services: Services, id: string, answer: Answer): Promise<Server> {
  const server = createServer(answer);
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await services.register({ service: "shop", id, address: "127.0.0.1", port });
  return server;
}

/** An address where nobody listens. */
async function nobody(services: Services, id: string): Promise<void> {
  const server = createTcpServer();
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => void server.close(resolve));
  await services.register({ service: "shop", id, address: "127.0.0.1", port });
}

const echo: Answer = (request, response) => {
  let body = "";
  request.on("data", (chunk) => {
    body += String(chunk);
  });
  request.on("end", () => response.end(`${request.method} ${request.url} ${body}`));
};

describe("fetch by a service's name", { timeout: 60_000 }, () => {
  test("goes to an instance, whatever form the request has", async () => {
    const services = realServices();
    await instance(services, "a", echo);
    await using call = serviceFetch(services);
    const text = async (answer: Promise<Response>) => (await answer).text();
    assert.equal(await text(call("http://shop/x?y=1")), "GET /x?y=1 ");
    assert.equal(await text(call(new URL("http://shop/x"), { method: "POST", body: "b" })), "POST /x b");
    assert.equal(await text(call(new Request("http://shop/x", { method: "PUT", body: "b" }))), "PUT /x b");
  });

  test("passes instances over where nobody listens, also for methods that may be made once only", async () => {
    const services = realServices();
    await nobody(services, "a");
    await nobody(services, "b");
    await instance(services, "c", echo);
    await using call = serviceFetch(services, { policy: "roundRobin" });
    for (let i = 0; i < 3; i++) {
      const answer = await call("http://shop/", { method: "POST", body: `order ${i}` });
      assert.equal(await answer.text(), `POST / order ${i}`);
    }
  });

  test("asks elsewhere after a 503 or a broken connection, if the method may be made twice", async () => {
    const services = realServices();
    let broken = 0;
    await instance(services, "a", (request) => {
      broken++;
      request.socket.destroy();
    });
    await instance(services, "b", (_request, response) => {
      broken++;
      response.writeHead(503).end("full");
    });
    await instance(services, "c", echo);
    await using call = serviceFetch(services, { policy: "roundRobin" });
    const got = await call("http://shop/");
    assert.deepEqual([got.status, await got.text(), broken], [200, "GET / ", 2]);
    await assert.rejects(call("http://shop/", { method: "POST" }), TypeError);
    const full = await call("http://shop/", { method: "POST" });
    assert.deepEqual([full.status, await full.text()], [503, "full"]);
  });

  test("gives the last answer when all refuse, and the program's reason when it gives up", async () => {
    const services = realServices();
    await instance(services, "a", (_request, response) => void response.writeHead(503).end("full"));
    await using call = serviceFetch(services);
    const full = await call("http://shop/");
    assert.deepEqual([full.status, await full.text()], [503, "full"]);
    const reason = new Error("enough");
    await assert.rejects(call("http://shop/", { signal: AbortSignal.abort(reason) }), reason);
    await using hasty = serviceFetch(services, { timeoutMs: 20 });
    await assert.rejects(hasty("http://nowhere/"), { code: "NO_INSTANCE" });
  });
});
