/** Who holds something and who waits for it. */

import { byteStringOfText } from "../../wire/byte-string.ts";
import type { Output } from "../client-options.ts";
import { hexId, printable, table } from "./table.ts";

export interface Stander {
  readonly holds: boolean;
  readonly fence: bigint;
  readonly lease: bigint;
  readonly label: string;
  /** What else there is to say of it, by name: `side`, `permits`. */
  readonly more?: Readonly<Record<string, string | number>>;
}

/** In the order of their coming; `plain`: state, fence, lease, what there is more, label. */
export function standingOutput(name: string, standers: readonly Stander[]): Output {
  const more = Object.keys(standers[0]?.more ?? {});
  const rows = standers.map((one) => [
    one.holds ? "holds" : "waits",
    String(one.fence),
    hexId(one.lease),
    ...more.map((field) => String(one.more?.[field] ?? "")),
    printable(byteStringOfText(one.label)),
  ]);
  return {
    plain: () => byteStringOfText(rows.map((row) => `${row.join(", ")}\n`).join("")),
    table: () => table(["STATE", "FENCE", "LEASE", ...more.map((field) => field.toUpperCase()), "LABEL"], rows),
    json: () => ({
      name,
      standing: standers.map(({ holds, fence, lease, label, more: rest = {} }) => ({
        holds,
        fence,
        lease,
        ...rest,
        label,
      })),
    }),
  };
}
