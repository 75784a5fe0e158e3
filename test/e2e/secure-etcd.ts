import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "../support/eventually.ts";
import { freePorts } from "../support/ports.ts";
import type { Certificate } from "./certificates.ts";

/** A real etcd of one member that takes encrypted connections only. */
export class SecureEtcd implements AsyncDisposable {
  /** `127.0.0.1:2379`. */
  readonly authority: string;
  readonly #child: ChildProcess;
  readonly #folder: string;

  private constructor(authority: string, child: ChildProcess, folder: string) {
    this.authority = authority;
    this.#child = child;
    this.#folder = folder;
  }

  /** @param clients asks clients for a certificate of this authority; undefined: asks for none */
  static async start(certificate: Certificate, clients?: { readonly cacert: string }): Promise<SecureEtcd> {
    const folder = await mkdtemp(join(tmpdir(), "quorate-etcd-"));
    const [port = 0, peer = 0] = await freePorts(2);
    const [url, peerUrl] = [`https://127.0.0.1:${port}`, `http://127.0.0.1:${peer}`];
    const own = ["--name", "secure", "--data-dir", folder, "--logger", "zap", "--log-level", "error"];
    const forClients = ["--listen-client-urls", url, "--advertise-client-urls", url];
    const forPeers = ["--listen-peer-urls", peerUrl, "--initial-advertise-peer-urls", peerUrl];
    const secured = ["--cert-file", certificate.cert, "--key-file", certificate.key];
    const asked = clients === undefined ? [] : ["--client-cert-auth", "--trusted-ca-file", clients.cacert];
    const args = [...own, ...forClients, ...forPeers, "--initial-cluster", `secure=${peerUrl}`, ...secured, ...asked];
    const child = spawn("etcd", args, { stdio: "ignore" });
    const etcd = new SecureEtcd(`127.0.0.1:${port}`, child, folder);
    try {
      await eventually("etcd listens", () => listens(port), { withinMs: 60_000 });
    } catch (error) {
      await etcd[Symbol.asyncDispose]();
      throw error;
    }
    return etcd;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.#child.kill("SIGKILL");
      await once(this.#child, "exit");
    }
    await rm(this.#folder, { recursive: true });
  }
}

async function listens(port: number): Promise<void> {
  const socket = connect({ host: "127.0.0.1", port });
  try {
    await once(socket, "connect");
  } finally {
    socket.destroy();
  }
}
