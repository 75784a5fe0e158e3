/**
 * What a cluster runs, for ever: a consensus protocol, and what all its members must agree on beside it.
 *
 * It is kept and told as one word (in the data directory's identity, in descriptions to joiners, in the cluster's id):
 * `raft`, `paxos`, or `paxos/2` for Multi-Paxos with a phase 2 quorum of two.
 */
import type { EngineKind, Engines } from "../consensus/engines.ts";
import { GrpcStatus, QuorateError } from "../errors.ts";

export interface EngineChoice {
  readonly kind: EngineKind;
  /** As in `EngineOptions.flexibleQuorum`; null: a majority. */
  readonly phase2Quorum: number | null;
}

/** What a member was told of it; undefined: nothing. */
export interface EngineWish {
  readonly engine?: string | undefined;
  readonly phase2Quorum?: number | undefined;
}

function config(message: string): QuorateError {
  return new QuorateError("CONFIG", GrpcStatus.invalidArgument, message);
}

/** @throws QuorateError CONFIG: there is no such engine. */
export function engineNamed(engines: Engines, name: string): EngineKind {
  const engine = engines.get(name);
  if (engine !== undefined) return engine;
  throw config(`there is no engine "${name}"; there is: ${[...engines.keys()].join(", ")}`);
}

export function engineWord({ kind, phase2Quorum }: EngineChoice): string {
  return phase2Quorum === null ? kind.name : `${kind.name}/${phase2Quorum}`;
}

/** @throws QuorateError CONFIG: this program does not know what the word means. */
export function readEngineWord(engines: Engines, word: string): EngineChoice {
  const [, name = word, size] = /^([^/]*)\/([1-9]\d{0,3})$/.exec(word) ?? [];
  const kind = engineNamed(engines, name);
  return { kind, phase2Quorum: size === undefined ? null : Number(size) };
}

/**
 * What a cluster is founded with.
 * @param fallback the engine where the wish names none.
 * @param voters how many members it begins with.
 * @throws QuorateError CONFIG: there is no such engine, or it does not work like that.
 */
export function chooseEngine(engines: Engines, wish: EngineWish, fallback: string, voters: number): EngineChoice {
  const kind = engineNamed(engines, wish.engine ?? fallback);
  const phase2Quorum = wish.phase2Quorum ?? null;
  if (phase2Quorum === null) return { kind, phase2Quorum };
  if (kind.flexibleQuorums !== true) {
    const able = [...engines.values()].filter(({ flexibleQuorums }) => flexibleQuorums === true);
    const names = able.map(({ name }) => name).join(" or ") || "no engine here";
    throw config(
      `--phase2-quorum is ${phase2Quorum}, but --engine is ${kind.name}: only ${names} can commit with other than a majority`,
    );
  }
  if (Number.isInteger(phase2Quorum) && phase2Quorum >= 1 && phase2Quorum <= voters) return { kind, phase2Quorum };
  throw config(
    `--phase2-quorum is ${phase2Quorum}, but --initial-cluster names ${voters} member${voters === 1 ? "" : "s"}: it must be a whole number from 1 to ${voters}`,
  );
}

/**
 * @param wanted as the member was told.
 * @param found what there is.
 * @param where words that the name of `found` follows.
 * @throws QuorateError CONFIG: what a cluster runs never changes.
 */
export function refuseOtherEngine({ engine, phase2Quorum }: EngineWish, found: EngineChoice, where: string): void {
  const { name } = found.kind;
  if (engine !== undefined && engine !== name) {
    throw config(`--engine is ${engine}, but ${where} ${name}: leave --engine out, or found another cluster`);
  }
  if (phase2Quorum === undefined || phase2Quorum === found.phase2Quorum) return;
  const has = found.phase2Quorum === null ? "a majority" : String(found.phase2Quorum);
  throw config(
    `--phase2-quorum is ${phase2Quorum}, but ${where} ${name} with ${has}: leave --phase2-quorum out, or found another cluster`,
  );
}
