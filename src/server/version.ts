/**
 * Versions by which clients know us.
 */
import { readFileSync } from "node:fs";

/**
 * The etcd release whose API we speak. Clients switch features on by it: kube-apiserver asks for the progress of watches
 * only from servers that say 3.5.13 or later.
 */
export const ETCD_VERSION = "3.5.21";
/** The API level of the cluster as a whole, in etcd's words. */
export const ETCD_CLUSTER_VERSION = "3.5.0";

/** Quorate's own, from its package. */
export const QUORATE_VERSION: string = readVersion();

function readVersion(): string {
  // Two levels up from src/server as well as from dist/server.
  const description: unknown = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  const { version } = description as { version?: unknown };
  return typeof version === "string" ? version : "0.0.0";
}
