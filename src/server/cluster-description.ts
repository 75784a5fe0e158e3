/** What a member tells one that asks which cluster it belongs to and who is in it, as JSON with ids in decimal. */
import { type ClusterDescription, DEFAULT_ENGINE } from "./bootstrap.ts";

export function encodeDescription({ clusterId, engine, members, removed }: ClusterDescription): Uint8Array {
  const text = JSON.stringify({
    clusterId: clusterId.toString(),
    engine,
    members: members.map((member) => ({ ...member, id: member.id.toString() })),
    removed: removed.map(String),
  });
  return new TextEncoder().encode(text);
}

/** Null if the bytes are no description. */
export function decodeDescription(bytes: Uint8Array): ClusterDescription | null {
  try {
    const value = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
    const members = (value["members"] as Record<string, unknown>[]).map((member) => ({
      id: BigInt(String(member["id"])),
      name: String(member["name"]),
      peerUrls: (member["peerUrls"] as unknown[]).map(String),
      clientUrls: (member["clientUrls"] as unknown[]).map(String),
      isLearner: member["isLearner"] === true,
    }));
    const removed = (value["removed"] as unknown[]).map((id) => BigInt(String(id)));
    // Who does not say knows of one only.
    const engine = typeof value["engine"] === "string" ? value["engine"] : DEFAULT_ENGINE;
    return { clusterId: BigInt(String(value["clusterId"])), engine, members, removed };
  } catch {
    return null;
  }
}
