/** What a member says of itself on /metrics, in Prometheus' text format. */
import type { MemberProcess } from "./member-process.ts";

/** The value of a metric without labels. Throws if the member does not have it. */
export async function metric(member: MemberProcess, name: string): Promise<number> {
  const response = await fetch(new URL("/metrics", member.settings.listenClientUrl));
  const line = (await response.text()).split("\n").find((text) => text.startsWith(`${name} `));
  if (line === undefined) throw new Error(`${member.name} has no metric ${name} (HTTP ${response.status})`);
  return Number(line.slice(name.length + 1));
}
