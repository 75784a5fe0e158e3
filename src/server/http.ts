/**
 * What a member answers over plain HTTP, on the same port as gRPC: health, version, metrics, members.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { type Check, type Complaint, type HealthPorts, health, liveChecks, readyChecks } from "./health-checks.ts";
import type { Counter } from "./metrics.ts";
import { ETCD_CLUSTER_VERSION, ETCD_VERSION, QUORATE_VERSION } from "./version.ts";

export interface HttpOptions extends HealthPorts {
  /** The page of `/metrics`. */
  readonly metricsText: () => string;
  readonly healthSucceeded: Counter;
  readonly healthFailed: Counter;
}

const JSON_TYPE = "application/json";
const TEXT_TYPE = "text/plain; charset=utf-8";
/** A new connection must have sent its first request by then. */
const FIRST_REQUEST_MS = 10_000;
/** And the next one this long after an answer. */
const NEXT_REQUEST_MS = 60_000;

/** Answers connections that were accepted elsewhere. */
export interface HttpFront {
  /** Takes a connection whose client speaks HTTP/1. Nothing of it has been read, or it was put back. */
  accept(socket: Socket): void;
  close(): void;
}

export function createHttpFront(options: HttpOptions): HttpFront {
  const server = createServer({ maxHeaderSize: 16_384 }, (request, response) => {
    // The bodies of requests say nothing to us, but must be read for the connection to go on.
    request.resume();
    answer(options, request, response).catch((error: unknown) => {
      if (!response.headersSent) send(response, 500, TEXT_TYPE, `internal error: ${String(error)}\n`);
      else response.destroy();
    });
  });
  server.on("clientError", (_error, socket) => {
    if (socket.writable) socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    else socket.destroy();
  });
  // Node's own limits work only on a server that listens itself. So each connection has a deadline of ours: by it, its
  // next request must be here, however slowly it comes.
  const deadlines = new Map<Socket, NodeJS.Timeout>();
  const expect = (socket: Socket, withinMs: number): void => {
    clearTimeout(deadlines.get(socket));
    deadlines.set(socket, setTimeout(() => socket.destroy(), withinMs).unref());
  };
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request;
    clearTimeout(deadlines.get(socket));
    response.once("close", () => {
      if (deadlines.has(socket)) expect(socket, NEXT_REQUEST_MS);
    });
  });
  return {
    accept(socket) {
      expect(socket, FIRST_REQUEST_MS);
      socket.once("close", () => {
        clearTimeout(deadlines.get(socket));
        deadlines.delete(socket);
      });
      server.emit("connection", socket);
    },
    close() {
      for (const socket of deadlines.keys()) socket.destroy();
    },
  };
}

async function answer(options: HttpOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const target = request.url ?? "/";
  if (!URL.canParse(target, "http://member"))
    return send(response, 400, TEXT_TYPE, "the request's path is malformed\n");
  const url = new URL(target, "http://member");
  if (request.method !== "GET" && request.method !== "HEAD") {
    response.setHeader("Allow", "GET");
    return send(response, 405, TEXT_TYPE, "Method Not Allowed\n");
  }
  const path = url.pathname;
  switch (path) {
    case "/health":
      return sendHealth(options, response, url.searchParams);
    case "/version":
      return sendJson(response, 200, {
        etcdserver: ETCD_VERSION,
        etcdcluster: ETCD_CLUSTER_VERSION,
        quorate: QUORATE_VERSION,
      });
    case "/metrics":
      return send(response, 200, "text/plain; version=0.0.4; charset=utf-8", options.metricsText());
    case "/members":
      return sendJson(response, 200, describeMembers(options));
    default:
      break;
  }
  const probe = /^\/(livez|readyz)(?:\/([a-z_]+))?$/.exec(path);
  if (probe?.[1] === undefined) return send(response, 404, TEXT_TYPE, `404 page not found: ${path}\n`);
  const checks = probe[1] === "livez" ? liveChecks(options) : readyChecks(options);
  const named = probe[2] === undefined ? checks : checks.filter(({ name }) => name === probe[2]);
  if (named.length === 0) return send(response, 404, TEXT_TYPE, `404 page not found: ${path}\n`);
  return sendProbe(response, probe[1], named, url.searchParams);
}

async function sendHealth(options: HttpOptions, response: ServerResponse, query: URLSearchParams): Promise<void> {
  const complaint = await health(options, {
    serializable: query.get("serializable") === "true",
    exclude: new Set(query.getAll("exclude")),
  });
  if (complaint === null) options.healthSucceeded.add();
  else options.healthFailed.add();
  const body = complaint === null ? { health: "true", reason: "" } : { health: "false", reason: complaint };
  sendJson(response, complaint === null ? 200 : 503, body);
}

async function sendProbe(
  response: ServerResponse,
  probe: string,
  checks: readonly Check[],
  query: URLSearchParams,
): Promise<void> {
  const excluded = new Set(query.getAll("exclude"));
  const results = await Promise.all(
    checks.map(async ({ name, run }): Promise<{ name: string; complaint: Complaint; excluded: boolean }> => {
      return excluded.has(name)
        ? { name, complaint: null, excluded: true }
        : { name, complaint: await run(), excluded: false };
    }),
  );
  const failed = results.some(({ complaint }) => complaint !== null);
  if (!failed && !query.has("verbose")) return send(response, 200, TEXT_TYPE, "ok\n");
  const lines = results.map((result) => {
    if (result.excluded) return `[+]${result.name} excluded: ok`;
    return result.complaint === null ? `[+]${result.name} ok` : `[-]${result.name} failed: ${result.complaint}`;
  });
  lines.push(failed ? `${probe} check failed` : "ok");
  send(response, failed ? 503 : 200, TEXT_TYPE, `${lines.join("\n")}\n`);
}

/** Who belongs to the cluster, for a member that wants to join: ids in hexadecimal, as people write them. */
function describeMembers({ replica }: HttpOptions): unknown {
  return {
    clusterId: replica.clusterId.toString(16),
    memberId: replica.memberId.toString(16),
    members: replica.keyspace.members.list().map((member) => ({ ...member, id: member.id.toString(16) })),
  };
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  send(response, status, JSON_TYPE, JSON.stringify(body));
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  const bytes = Buffer.from(body);
  response.writeHead(status, {
    "Content-Type": type,
    "Content-Length": bytes.length,
    "X-Content-Type-Options": "nosniff",
  });
  response.end(bytes);
}
