/**
 * What a member must not forget: the three durable things of Zab (the log is the third), and promises that outlive a
 * crash.
 *
 *     version u8 (1) | flags u8 (1: untrusted) | accepted epoch u64 | accepted from u64 | current epoch u64
 *     | commit u64 | lease promise ms u32
 *
 * `commit` is a help for a quick start, saved only when something else is.
 */
import type { MemberId } from "../../environment.ts";
import { ByteReader, ByteWriter, DecodeError } from "../bytes.ts";

export interface HardState {
  /** The highest epoch this member takes part in: it acknowledges nothing of an earlier one any more. */
  readonly acceptedEpoch: number;
  /**
   * The prospective leader whom the acceptance helped; 0n: nobody, the epoch had its leader already. Without it a
   * restarted member could not tell a repeated question from a rival's.
   */
  readonly acceptedFrom: MemberId;
  /** The epoch whose leader's history the log holds. Never above `acceptedEpoch`. */
  readonly currentEpoch: number;
  readonly commit: number;
  /** See `EngineStart.untrusted`: stays until a leader ends it, also over a further restart. */
  readonly untrusted: boolean;
  /** How long this member promises leaders not to help elect another (lease reads); ms, 0: no such promise. */
  readonly promiseMs: number;
}

export const noHardState: HardState = {
  acceptedEpoch: 0,
  acceptedFrom: 0n,
  currentEpoch: 0,
  commit: 0,
  untrusted: false,
  promiseMs: 0,
};

const version = 1;

export function encodeHardState(state: HardState): Uint8Array {
  const writer = new ByteWriter(38);
  writer.u8(version);
  writer.u8(state.untrusted ? 1 : 0);
  writer.u53(state.acceptedEpoch);
  writer.memberId(state.acceptedFrom);
  writer.u53(state.currentEpoch);
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
  const acceptedEpoch = reader.u53();
  const acceptedFrom = reader.memberId();
  const currentEpoch = reader.u53();
  const commit = reader.u53();
  const promiseMs = reader.u32();
  reader.end();
  if (currentEpoch > acceptedEpoch) {
    throw new DecodeError(`current epoch ${currentEpoch} is above the accepted epoch ${acceptedEpoch}`);
  }
  return { acceptedEpoch, acceptedFrom, currentEpoch, commit, untrusted: flags === 1, promiseMs };
}
