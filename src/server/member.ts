/**
 * A member on a real machine: what `quorate serve` runs and what a program embeds.
 */
import { crc32 as zlibCrc32 } from "node:zlib";
import { engines } from "../consensus/engines.ts";
import { nodeEnvironment } from "../node/environment.ts";
import { stayAlive } from "../node/stay-alive.ts";
import { crc32 } from "../transport/checksum.ts";
import { assemble, type MemberParts, type RunningMember } from "./assemble.ts";
import type { MemberOptions } from "./member-options.ts";
import { startServer } from "./server.ts";

/** Below this many bytes, a call into zlib costs more than it saves (measured: 50 against 17 ns at 20 bytes). */
const ZLIB_FROM_BYTES = 200;

/** @throws QuorateError naming what is wrong with the options, the data directory or the cluster. */
export function startMember(options: MemberOptions): Promise<RunningMember> {
  return startMemberBehind(options, startServer);
}

/** The same behind doors of the caller's choice. */
export async function startMemberBehind(
  options: MemberOptions,
  openServer: MemberParts["openServer"],
): Promise<RunningMember> {
  const environment = nodeEnvironment(options.logger === undefined ? {} : { logger: options.logger });
  const member = await stayAlive(assemble(options, { environment, engines, openServer, checksum: frameChecksum }));
  return { ...member, stop: (how) => stayAlive(member.stop(how)) };
}

function frameChecksum(bytes: Uint8Array, seed: number): number {
  return bytes.length < ZLIB_FROM_BYTES ? crc32(bytes, seed) : zlibCrc32(bytes, seed);
}
