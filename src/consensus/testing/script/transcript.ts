/** What the engines of a bench do, in lines: what a scenario records. */
import type { Effects, Status } from "../../engine.ts";
import type { Clients } from "./clients.ts";
import { place, type Wording, wordEntries, wordEntry } from "./wording.ts";

/** news: without what goes back and forth all the time; nothing: only how the members stand in the end. */
export type Detail = "everything" | "news" | "nothing";

export class Transcript {
  detail: Detail = "everything";
  #lines: string[] = [];

  say(line: string): void {
    if (this.detail !== "nothing") this.#lines.push(line);
  }

  /** What was said since the last call. */
  take(): string[] {
    const lines = this.#lines;
    this.#lines = [];
    return lines;
  }
}

/** The effects of one drain in lines. `sent` are the messages that left with it, in words already. */
export function wordEffects(
  member: bigint,
  effects: Effects,
  sent: readonly string[],
  clients: Clients,
  wording: Wording,
): string[] {
  const lines: string[] = [];
  for (const { level, message } of effects.notices)
    lines.push(`${member}${level === "warn" ? " warns" : ""}: ${message}`);
  for (const { id, epoch, index } of effects.accepted)
    lines.push(`${member} takes ${clients.byId(id).name} as ${place({ epoch, index })}`);
  for (const { id, reason } of effects.refused) lines.push(`${member} refuses ${clients.byId(id).name}: ${reason}`);
  if (effects.installSnapshot !== null) lines.push(`${member} installs snapshot ${place(effects.installSnapshot)}`);
  const write = wordWrite(effects, wording);
  if (write !== null) lines.push(`${member} writes ${write}`);
  lines.push(...sent);
  if (effects.committed.length > 0) lines.push(`${member} commits ${wordEntries(effects.committed)}`);
  for (const { id, index } of effects.reads) lines.push(`${member} may answer ${clients.byId(id).name} at ${index}`);
  for (const { to, index } of effects.sendSnapshot)
    lines.push(`${member} wants ${to} to get a snapshot, ${index} or later`);
  return lines;
}

function wordWrite({ write }: Effects, wording: Wording): string | null {
  if (write === null) return null;
  const parts: string[] = [];
  if (write.snapshot !== null) parts.push(`anew behind snapshot ${place(write.snapshot)}`);
  if (write.truncateFrom !== null) parts.push(`drop from ${write.truncateFrom}`);
  if (write.entries.length > 0)
    parts.push(write.entries.length > 6 ? wordEntries(write.entries) : write.entries.map(wordEntry).join(", "));
  if (write.state !== null) parts.push(wording.state(write.state));
  return `#${write.number}: ${parts.join("; ")}`;
}

/** `leader in epoch 2, log to 5, commit 4` */
export function wordStatus(status: Status): string {
  const { role, leader, epoch, lastIndex, commit, settled, untrusted, diskStalled } = status;
  const what = role === "follower" ? (leader === 0n ? "follower of nobody" : `follower of ${leader}`) : role;
  const flags = `${role === "leader" && !settled ? ", not settled" : ""}${untrusted ? ", untrusted" : ""}${
    diskStalled ? ", disk stalled" : ""
  }`;
  return `${what} in epoch ${epoch}, log to ${lastIndex}, commit ${commit}${flags}`;
}
