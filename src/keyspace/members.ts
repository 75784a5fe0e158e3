/**
 * Who belongs to the cluster, under which name and addresses. The engine decides with ids alone; this is what people
 * and connections need, kept by the log so that all members agree.
 *
 * Ids of removed members are remembered: one that comes back has a disk that others no longer count on.
 */
import { GrpcStatus, QuorateError } from "../errors.ts";
import { Reader } from "../wire/reader.ts";
import { Writer } from "../wire/writer.ts";

export interface Member {
  readonly id: bigint;
  /** Empty until the member has started and published it. */
  readonly name: string;
  readonly peerUrls: readonly string[];
  /** Empty until the member has started and published them. */
  readonly clientUrls: readonly string[];
  readonly isLearner: boolean;
}

/** What a membership entry carries beside the engine's part. */
export type MemberContext =
  | { readonly op: "genesis"; readonly members: readonly Member[] }
  | { readonly op: "add"; readonly member: Member }
  | { readonly op: "remove"; readonly id: bigint }
  | { readonly op: "promote"; readonly id: bigint };

/** What everybody may ask. */
export interface MemberRegistry {
  /** Sorted by id. */
  list(): Member[];
  get(id: bigint): Member | null;
  wasRemoved(id: bigint): boolean;
  /** Sorted. */
  removed(): bigint[];
}

export class Members implements MemberRegistry {
  readonly #members = new Map<bigint, Member>();
  readonly #removed = new Set<bigint>();

  list(): Member[] {
    return [...this.#members.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  get(id: bigint): Member | null {
    return this.#members.get(id) ?? null;
  }

  wasRemoved(id: bigint): boolean {
    return this.#removed.has(id);
  }

  removed(): bigint[] {
    return [...this.#removed].sort((a, b) => (a < b ? -1 : 1));
  }

  /**
   * Takes over what a committed membership entry says. The engine has taken its part already, so this has no way to
   * refuse: what does not fit (a second addition, an unknown id) changes as little as possible.
   */
  apply(context: MemberContext): void {
    switch (context.op) {
      case "genesis":
        for (const member of context.members) this.restore(member);
        break;
      case "add":
        this.#removed.delete(context.member.id);
        this.restore(context.member);
        break;
      case "remove":
        this.#members.delete(context.id);
        this.#removed.add(context.id);
        break;
      case "promote":
        this.#update(context.id, { isLearner: false });
        break;
    }
  }

  /** What a member publishes of itself when it has started. Returns false if it is unknown. */
  setAttributes(id: bigint, name: string, clientUrls: readonly string[]): boolean {
    return this.#update(id, { name, clientUrls });
  }

  /** Where others reach it from now on. Returns false if it is unknown. */
  setPeerUrls(id: bigint, peerUrls: readonly string[]): boolean {
    return this.#update(id, { peerUrls });
  }

  restore(member: Member): void {
    this.#members.set(member.id, member);
  }

  restoreRemoved(id: bigint): void {
    this.#removed.add(id);
  }

  #update(id: bigint, changes: Partial<Member>): boolean {
    const member = this.#members.get(id);
    if (member === undefined) return false;
    this.#members.set(id, { ...member, ...changes });
    return true;
  }
}

// A protobuf message, so that fields can be added: MemberContext { 1 op, 2 member (repeated), 3 id }.
const OPS = ["genesis", "add", "remove", "promote"] as const;

export function encodeMemberContext(context: MemberContext): Uint8Array {
  const w = new Writer();
  switch (context.op) {
    case "genesis":
      for (const member of context.members.toReversed()) writeMember(w, member);
      break;
    case "add":
      writeMember(w, context.member);
      break;
    case "remove":
    case "promote":
      w.varint64(context.id);
      w.tag(0x18);
      break;
  }
  w.varint(OPS.indexOf(context.op) + 1);
  w.tag(0x08);
  return w.finish();
}

/** @throws QuorateError if this version cannot read it: then the member must not go on, it would part from the others */
export function decodeMemberContext(bytes: Uint8Array): MemberContext {
  const r = new Reader(bytes, "request");
  let op = 0;
  let id = 0n;
  const members: Member[] = [];
  while (r.position < r.length) {
    const tag = r.tag(r.length);
    if (tag === 0x08) op = r.number(r.length);
    else if (tag === 0x12) members.push(readMember(r, r.lengthDelimited(r.length)));
    else if (tag === 0x18) id = r.uint64(r.length);
    else r.skip(tag, r.length);
  }
  const [member] = members;
  switch (OPS[op - 1]) {
    case "genesis":
      return { op: "genesis", members };
    case "add":
      if (member !== undefined) return { op: "add", member };
      break;
    case "remove":
      return { op: "remove", id };
    case "promote":
      return { op: "promote", id };
    case undefined:
      break;
  }
  throw new QuorateError(
    "MALFORMED_MEMBERSHIP",
    GrpcStatus.dataLoss,
    `a membership entry with operation ${op} cannot be read by this version; run the version that wrote it`,
  );
}

// Member { 1 id, 2 name, 3 peer URL (repeated), 4 client URL (repeated), 5 learner }, as field 2 of its container.

/** Writes a member as field 2 of whatever is being written. */
export function writeMember(w: Writer, member: Member): void {
  const mark = w.written;
  w.varint(member.isLearner ? 1 : 0);
  w.tag(0x28);
  for (const url of member.clientUrls.toReversed()) {
    w.text(url);
    w.tag(0x22);
  }
  for (const url of member.peerUrls.toReversed()) {
    w.text(url);
    w.tag(0x1a);
  }
  w.text(member.name);
  w.tag(0x12);
  w.varint64(member.id);
  w.tag(0x08);
  w.lengthSince(mark);
  w.tag(0x12);
}

/** Reads a member's content up to `end`. */
export function readMember(r: Reader, end: number): Member {
  let id = 0n;
  let name = "";
  let isLearner = false;
  const peerUrls: string[] = [];
  const clientUrls: string[] = [];
  while (r.position < end) {
    const tag = r.tag(end);
    if (tag === 0x08) id = r.uint64(end);
    else if (tag === 0x12) name = r.text(end);
    else if (tag === 0x1a) peerUrls.push(r.text(end));
    else if (tag === 0x22) clientUrls.push(r.text(end));
    else if (tag === 0x28) isLearner = r.bool(end);
    else r.skip(tag, end);
  }
  return { id, name, peerUrls, clientUrls, isLearner };
}
