/** What a process has done, over all its lives: the part of a run that properties are about. Sets of epochs are bits. */
import { assert } from "../../../errors.ts";
import type { Epoch, Outcome } from "../machine.ts";
import type { ModelVote } from "./model.ts";

export interface History {
  /** Outcomes that were told, or carried out. */
  readonly committed: number;
  readonly aborted: number;
  /** The resource promised, and has not said otherwise since. */
  readonly yes: number;
  /** The resource once said that it has changed nothing: then nothing can go wrong here. */
  readonly readOnly: number;
  /** Of which epochs the resource was asked, or told: it has its work only the first time. */
  readonly asked: number;
  /** Something was said about these. */
  readonly begun: number;
  /** How many transactions it was asked to begin. */
  readonly begins: number;
  /** During which epochs it was down. */
  readonly down: number;
}

export const nothingDone: History = {
  committed: 0,
  aborted: 0,
  yes: 0,
  readOnly: 0,
  asked: 0,
  begun: 0,
  begins: 0,
  down: 0,
};

/** Epochs of simulated runs are few. */
export function bitOf(epoch: Epoch): number {
  assert(epoch >= 0 && epoch < 31, `epoch ${epoch} of a simulated run has no bit: let it begin fewer transactions`);
  return 1 << epoch;
}

/** The highest epoch in a set; 0: it is empty. */
export function latestOf(bits: number): Epoch {
  return bits === 0 ? 0 : 31 - Math.clz32(bits);
}

export function countOf(bits: number): number {
  let count = 0;
  for (let rest = bits; rest !== 0; rest &= rest - 1) count++;
  return count;
}

/** Work that is aborted is gone: the resource can no more promise anything about it. */
export function concluded(history: History, epoch: Epoch, outcome: Outcome): History {
  const bit = bitOf(epoch);
  return { ...history, asked: history.asked | bit, [outcome]: history[outcome] | bit };
}

export function answered(history: History, epoch: Epoch, vote: ModelVote): History {
  const bit = bitOf(epoch);
  return {
    ...history,
    asked: history.asked | bit,
    yes: vote === "yes" ? history.yes | bit : history.yes & ~bit,
    readOnly: vote === "readOnly" ? history.readOnly | bit : history.readOnly,
  };
}
