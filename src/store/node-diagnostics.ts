import { channel } from "node:diagnostics_channel";
import type { Diagnostics } from "./diagnostics.ts";

/** The channels of this process, by the names under which `node:diagnostics_channel` has them. */
export const nodeDiagnostics: Diagnostics = {
  "quorate:call": channel("quorate:call"),
  "quorate:retry": channel("quorate:retry"),
  "quorate:status": channel("quorate:status"),
  "quorate:session:opened": channel("quorate:session:opened"),
  "quorate:session:lost": channel("quorate:session:lost"),
  "quorate:session:closed": channel("quorate:session:closed"),
  "quorate:hold:acquired": channel("quorate:hold:acquired"),
  "quorate:hold:lost": channel("quorate:hold:lost"),
  "quorate:hold:released": channel("quorate:hold:released"),
};
