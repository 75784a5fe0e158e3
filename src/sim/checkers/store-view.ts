/** A store as a call finds it: what it is, and what it was. Not all of its keys may be known. */
import type { KeyValue } from "../../wire/kv.ts";
import type { KeyRange } from "./key-range.ts";

export interface StoreView {
  /** Living keys that the view covers, in order, as the store is (null) or was at an older revision. */
  living(range: KeyRange, revision: number | null): readonly KeyValue[];
  /** Whether the view knows all keys that could be in a range. */
  covers(range: KeyRange): boolean;
}
