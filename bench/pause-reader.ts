/** Reads what `pause-meter.ts` measured inside a member. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "../test/support/eventually.ts";
import type { MemberProcess } from "../test/support/member-process.ts";
import type { Pauses } from "./pause-meter.ts";

const ANSWERED_WITHIN_MS = 30_000;

export class PauseReader {
  readonly #folder: string = mkdtempSync(join(tmpdir(), "quorate-pauses-"));

  /** What a member's process needs in its environment to be measured. */
  get env(): Record<string, string> {
    const meter = new URL("pause-meter.ts", import.meta.url).href;
    return { NODE_OPTIONS: `--import=${meter}`, PAUSE_METER_FOLDER: this.#folder };
  }

  /** The longest pauses since the last call. */
  async take(member: MemberProcess): Promise<Pauses> {
    if (member.pid === null) throw new Error(`${member.name} is not running`);
    const file = join(this.#folder, `${member.pid}.json`);
    process.kill(member.pid, "SIGUSR2");
    const text = await eventually(`${member.name} tells its pauses`, () => readFileSync(file, "utf8"), {
      withinMs: ANSWERED_WITHIN_MS,
    });
    rmSync(file);
    return JSON.parse(text) as Pauses;
  }

  close(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
