import assert from "node:assert/strict";
import { test } from "node:test";
import { decide, type GroupEvidence, logEnd } from "./recovery.ts";

const both = [false, true];

test("how a log ends: every case of the evidence", () => {
  const table = new Map<string, number>();
  for (const newest of both) {
    for (const header of both) {
      for (const zeros of both) {
        for (const later of both) {
          const end = logEnd({ newest, header, zeros, later });
          table.set(end, (table.get(end) ?? 0) + 1);
          // Whatever vouches for more than is there makes it damage; only without a voucher is it a write cut short.
          if (!newest || !header || later) assert.equal(end, "damaged");
          else assert.equal(end, zeros ? "clean" : "torn");
        }
      }
    }
  }
  assert.deepEqual(Object.fromEntries(table), { damaged: 14, torn: 1, clean: 1 });
});

test("what a group may believe: every case of the evidence", () => {
  const counts = { trust: 0, distrust: 0, refuse: 0 };
  for (const end of ["clean", "torn", "damaged"] as const) {
    for (const hint of ["none", "reached", "beyond"] as const) {
      for (const cover of ["whole", "gap"] as const) {
        for (const marked of both) {
          for (const repairable of both) {
            const evidence: GroupEvidence = { end, hint, cover, marked, repairable };
            const { verdict, reasons } = decide(evidence);
            counts[verdict]++;
            const lossless = end !== "damaged" && hint !== "beyond" && cover === "whole" && !marked;
            const expected = lossless ? "trust" : repairable ? "distrust" : "refuse";
            assert.equal(verdict, expected, JSON.stringify(evidence));
            const facts = [end !== "clean", hint === "beyond", cover === "gap", marked].filter(Boolean).length;
            assert.equal(reasons.length, facts, "each fact that is not as it should be is told");
          }
        }
      }
    }
  }
  // Trusted: an end that is clean or torn, a hint that is absent or reached, nothing else; peers or none.
  assert.deepEqual(counts, { trust: 8, distrust: 32, refuse: 32 });
});
