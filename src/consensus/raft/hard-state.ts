/**
 * What a member must not forget: the epoch, its vote in it, and promises that outlive a crash.
 *
 *     version u8 (1) | flags u8 (1: untrusted) | epoch u64 | vote u64 | commit u64 | lease promise ms u32
 *
 * `commit` is a help for a quick start, saved only when something else is.
 */
import type { MemberId } from "../../environment.ts";
import { ByteReader, ByteWriter, DecodeError } from "../bytes.ts";

export interface HardState {
  readonly epoch: number;
  /** Whom this member voted for in `epoch`; 0n: nobody. */
  readonly vote: MemberId;
  readonly commit: number;
  /** See `EngineStart.untrusted`: stays until a leader ends it, also over a further restart. */
  readonly untrusted: boolean;
  /** How long this member promises leaders not to help elect another (lease reads); ms, 0: no such promise. */
  readonly promiseMs: number;
}

export const noHardState: HardState = { epoch: 0, vote: 0n, commit: 0, untrusted: false, promiseMs: 0 };

const version = 1;

export function encodeHardState(state: HardState): Uint8Array {
  const writer = new ByteWriter(30);
  writer.u8(version);
  writer.u8(state.untrusted ? 1 : 0);
  writer.u53(state.epoch);
  writer.memberId(state.vote);
  writer.u53(state.commit);
  writer.u32(state.promiseMs);
  return writer.finish();
}

/** @throws DecodeError if the bytes were not written by `encodeHardState`. */
export function decodeHardState(bytes: Uint8Array): HardState {
  const reader = new ByteReader(bytes);
  const found = reader.u8();
  if (found !== version) throw new DecodeError(`engine state version ${found} is not known, only ${version}`);
  const flags = reader.u8();
  if (flags > 1) throw new DecodeError(`engine state has unknown flags ${flags}`);
  const epoch = reader.u53();
  const vote = reader.memberId();
  const commit = reader.u53();
  const promiseMs = reader.u32();
  reader.end();
  return { epoch, vote, commit, untrusted: flags === 1, promiseMs };
}
