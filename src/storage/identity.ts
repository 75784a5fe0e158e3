/**
 * Whose a data directory is: the file `identity`, one line of JSON with a checksum, readable for people. Written once,
 * when the directory is made; the last step of making it, so that a directory without it was never used.
 */
import type { Disk } from "../environment.ts";
import { checksum } from "./checksum.ts";
import { isMissing } from "./fault.ts";
import type { StorageIdentity } from "./storage.ts";
import { readWhole } from "./whole-file.ts";

export const identityName = "identity";
export const newIdentityName = "identity.new";
const formatVersion = 1;
const maxIdentityBytes = 4096;

export function encodeIdentity(identity: StorageIdentity): Buffer {
  const body = bodyOf(identity);
  return Buffer.from(`${JSON.stringify({ ...body, checksum: sumOf(body) })}\n`);
}

/** Null if the text is damaged or of a format that is not known here. */
export function decodeIdentity(bytes: Uint8Array): StorageIdentity | null {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString());
  } catch {
    return null;
  }
  if (typeof value !== "object" || value === null) return null;
  const { clusterId, memberId, engine } = value as Readonly<Record<string, unknown>>;
  if (!isId(clusterId) || !isId(memberId) || typeof engine !== "string") return null;
  const identity = { clusterId: BigInt(`0x${clusterId}`), memberId: BigInt(`0x${memberId}`), engine };
  return encodeIdentity(identity).equals(bytes) ? identity : null;
}

function isId(value: unknown): value is string {
  return typeof value === "string" && /^[0-9a-f]{16}$/.test(value);
}

function bodyOf(identity: StorageIdentity): Readonly<Record<string, unknown>> {
  return {
    format: formatVersion,
    clusterId: hex(identity.clusterId),
    memberId: hex(identity.memberId),
    engine: identity.engine,
  };
}

function sumOf(body: Readonly<Record<string, unknown>>): string {
  return checksum(Buffer.from(JSON.stringify(body)), 0)
    .toString(16)
    .padStart(8, "0");
}

function hex(id: bigint): string {
  return id.toString(16).padStart(16, "0");
}

export function sameIdentity(one: StorageIdentity, other: StorageIdentity): boolean {
  return one.clusterId === other.clusterId && one.memberId === other.memberId && one.engine === other.engine;
}

export function describeIdentity(identity: StorageIdentity): string {
  const { clusterId, memberId, engine } = identity;
  return `member ${memberId.toString(16)} of cluster ${clusterId.toString(16)}, engine ${engine}`;
}

/** `missing`: there is no such file. */
export async function readIdentityFile(
  disk: Disk,
  directory: string,
): Promise<StorageIdentity | "missing" | "damaged"> {
  try {
    return decodeIdentity(await readWhole(disk, `${directory}/${identityName}`, maxIdentityBytes)) ?? "damaged";
  } catch (error) {
    if (isMissing(error)) return "missing";
    throw error;
  }
}

/** Publishes the identity: whole or not at all. */
export async function writeIdentityFile(disk: Disk, directory: string, identity: StorageIdentity): Promise<void> {
  const file = await disk.open(`${directory}/${newIdentityName}`, "write");
  try {
    const bytes = encodeIdentity(identity);
    await file.truncate(bytes.length);
    await file.writeAndSync([bytes], 0);
  } finally {
    await file.close();
  }
  await disk.rename(`${directory}/${newIdentityName}`, `${directory}/${identityName}`);
  await disk.syncDirectory(directory);
}
