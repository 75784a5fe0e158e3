/**
 * What a member answers over plain HTTP, on the same port as gRPC: health, version, metrics, members.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
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
/** A client must have sent its request by then, and an idle connection is closed. */
const REQUEST_TIMEOUT_MS = 10_000;
const IDLE_TIMEOUT_MS = 60_000;

export function createHttpServer(options: HttpOptions): Server {
  const server = createServer(
    { requestTimeout: REQUEST_TIMEOUT_MS, keepAliveTimeout: IDLE_TIMEOUT_MS, maxHeaderSize: 16_384 },
    (request, response) => {
      // The bodies of requests say nothing to us, but must be read for the connection to go on.
      request.resume();
      answer(options, request, response).catch((error: unknown) => {
        if (!response.headersSent) send(response, 500, TEXT_TYPE, `internal error: ${String(error)}\n`);
        else response.destroy();
      });
    },
  );
  server.on("clientError", (_error, socket) => {
    if (socket.writable) socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    else socket.destroy();
  });
  return server;
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
