/** Which consensus protocol a member runs: its cluster's. */
import type { EngineKind, Engines } from "../consensus/engines.ts";
import { GrpcStatus, QuorateError } from "../errors.ts";

/** @throws QuorateError CONFIG: there is no such engine. */
export function engineNamed(engines: Engines, name: string): EngineKind {
  const engine = engines.get(name);
  if (engine !== undefined) return engine;
  const known = [...engines.keys()].join(", ");
  throw new QuorateError("CONFIG", GrpcStatus.invalidArgument, `there is no engine "${name}"; there is: ${known}`);
}

/**
 * @param wanted as the member was told; undefined: nothing.
 * @param found what there is.
 * @param where words that `found` follows.
 * @throws QuorateError CONFIG: the engine of a cluster never changes.
 */
export function refuseOtherEngine(wanted: string | undefined, found: string, where: string): void {
  if (wanted === undefined || wanted === found) return;
  const message = `--engine is ${wanted}, but ${where} ${found}: leave --engine out, or found another cluster`;
  throw new QuorateError("CONFIG", GrpcStatus.invalidArgument, message);
}
