import type { MemberId } from "../../environment.ts";
import type { Role, Status } from "../engine.ts";
import type { Membership } from "../membership.ts";

/** The parts of a status whose change an owner acts on; commit and applied tell of themselves. */
export type Watched = Pick<
  Status,
  "role" | "leader" | "epoch" | "membership" | "settled" | "transferee" | "untrusted" | "diskStalled"
>;

/** Notices when something changed that an owner acts on. */
export class StatusWatch {
  #role: Role | null = null;
  #leader: MemberId = 0n;
  #epoch = 0;
  #membership: Membership | null = null;
  #settled = false;
  #transferee: MemberId = 0n;
  #untrusted = false;
  #diskStalled = false;

  /** Whether anything is different from the last call. The first call says yes. */
  changed(s: Watched): boolean {
    if (
      s.role === this.#role &&
      s.leader === this.#leader &&
      s.epoch === this.#epoch &&
      s.membership === this.#membership &&
      s.settled === this.#settled &&
      s.transferee === this.#transferee &&
      s.untrusted === this.#untrusted &&
      s.diskStalled === this.#diskStalled
    ) {
      return false;
    }
    this.#role = s.role;
    this.#leader = s.leader;
    this.#epoch = s.epoch;
    this.#membership = s.membership;
    this.#settled = s.settled;
    this.#transferee = s.transferee;
    this.#untrusted = s.untrusted;
    this.#diskStalled = s.diskStalled;
    return true;
  }
}
