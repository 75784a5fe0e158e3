/**
 * What a member must not forget: whom it promised, in which ballots it accepted what its log holds, and what else
 * outlives a crash.
 *
 *     version u8 (1) | flags u8 (1: untrusted | 2: phase 2 size known) | round u64 | proposer u64 | decided u64
 *     | lease promise ms u32 | phase 2 size u16 | count u32 | count x (from u64 | round u64)
 *
 * The runs are those of `ballots.ts` when this was written; the last one goes on with the log. `decided` need not be the
 * newest, except that a change of membership up to it is known to be decided (see decided.ts).
 */
import type { MemberId } from "../../environment.ts";
import { ByteReader, ByteWriter, DecodeError } from "../bytes.ts";
import type { Run } from "./ballots.ts";

export interface HardState {
  /** The highest round promised, or heard of. */
  readonly round: number;
  /** Whose proposals this member promised to take in `round`; 0n: nobody's. */
  readonly proposer: MemberId;
  readonly decided: number;
  /** See `EngineStart.untrusted`: stays until a leader ends it, also over a further restart. */
  readonly untrusted: boolean;
  /** How long this member promises leaders not to help elect another (lease reads); ms, 0: no such promise. */
  readonly promiseMs: number;
  /** See quorums.ts; null: the member was not started yet, its options decide. */
  readonly phase2: number | null;
  readonly runs: readonly Run[];
}

export const noHardState: HardState = {
  round: 0,
  proposer: 0n,
  decided: 0,
  untrusted: false,
  promiseMs: 0,
  phase2: null,
  runs: [],
};

const version = 1;
const fixedSize = 36;
const runSize = 16;

export function encodeHardState(state: HardState): Uint8Array {
  const writer = new ByteWriter(fixedSize + runSize * state.runs.length);
  writer.u8(version);
  writer.u8((state.untrusted ? 1 : 0) | (state.phase2 !== null ? 2 : 0));
  writer.u53(state.round);
  writer.memberId(state.proposer);
  writer.u53(state.decided);
  writer.u32(state.promiseMs);
  writer.u16(state.phase2 ?? 0);
  writer.u32(state.runs.length);
  for (const { from, round } of state.runs) {
    writer.u53(from);
    writer.u53(round);
  }
  return writer.finish();
}

/** @throws DecodeError if the bytes were not written by `encodeHardState`. */
export function decodeHardState(bytes: Uint8Array): HardState {
  const reader = new ByteReader(bytes);
  const found = reader.u8();
  if (found !== version) throw new DecodeError(`engine state version ${found} is not known, only ${version}`);
  const flags = reader.u8();
  if (flags > 3) throw new DecodeError(`engine state has unknown flags ${flags}`);
  const round = reader.u53();
  const proposer = reader.memberId();
  const decided = reader.u53();
  const promiseMs = reader.u32();
  const size = reader.u16();
  const count = reader.u32();
  if (count * runSize !== reader.left) throw new DecodeError(`engine state with ${count} runs in ${reader.left} bytes`);
  const runs: Run[] = [];
  for (let at = 0; at < count; at++) {
    const run = { from: reader.u53(), round: reader.u53() };
    const before = runs.at(-1);
    if (run.round > round || (before !== undefined && (before.from >= run.from || before.round === run.round))) {
      throw new DecodeError(`engine state with a run from ${run.from} of round ${run.round}: promised is ${round}`);
    }
    runs.push(run);
  }
  const phase2 = (flags & 2) === 0 ? null : size;
  return { round, proposer, decided, untrusted: (flags & 1) !== 0, promiseMs, phase2, runs };
}
