/**
 * The greeting: who wants to talk to whom, of which cluster, in which version. Numbers are little-endian.
 *
 *     greeting { magic "QUORATE\0", u16 length of body, body, u32 crc of all before }
 *     hello    { u16 oldest version, u16 newest version, u64 cluster, u64 from, u64 to, u64 boot nonce,
 *                u8 flags: 1 in return, addresses }
 *     answer   { u8 code, u8 zero, u16 version, u64 cluster, u64 member, u64 boot nonce, text reason }
 *
 * Whoever dials says hello and sends nothing more until the answer is there. A later version may append fields to
 * `hello`: what is behind the known ones is passed over. Flags and addresses (`address-list.ts`) came that way: a hello
 * without them is as good. The nonce is drawn anew by each process, so that a member that reached itself, or another
 * process with its identity, is told apart from a peer.
 */
import type { Address, ClusterId, MemberId } from "../environment.ts";
import { decodeAddresses, encodeAddresses } from "./address-list.ts";
import type { Checksum } from "./checksum.ts";

/** The versions of hello and frames that this code speaks. */
export const PROTOCOL_VERSION = { oldest: 1, newest: 1 } as const;

const MAGIC = new TextEncoder().encode("QUORATE\0");
const LENGTH_AT = 8;
const BODY_AT = 10;
const CRC_BYTES = 4;
const HELLO_BYTES = 36;
const FLAGS_BYTES = 1;
const IN_RETURN = 1;
const ANSWER_BYTES = 28;
/** A body is far smaller; whoever announces more is no peer. */
const MAX_BODY_BYTES = 1024;
const MAX_REASON_BYTES = 512;

/** How a hello is answered. The numbers are part of the wire format. */
export const AnswerCode = {
  accepted: 0,
  /** There is no version that both speak. */
  wrongVersion: 1,
  wrongCluster: 2,
  /** The other end is not the member that was asked for. */
  wrongMember: 3,
  /** Who says hello has the identity of who is asked. */
  sameMember: 4,
  /** As many members as allowed are connected that are not (yet) in the member list. */
  tooManyUnknown: 5,
  /** Not a peer but somebody who asks which cluster this is: a description follows (`inquiry.ts`). */
  described: 6,
  /** Who says hello was removed from the cluster, for good. */
  removed: 7,
} as const;
export type AnswerCode = (typeof AnswerCode)[keyof typeof AnswerCode];

export interface Hello {
  readonly oldestVersion: number;
  readonly newestVersion: number;
  readonly clusterId: ClusterId;
  readonly from: MemberId;
  readonly to: MemberId;
  readonly nonce: bigint;
  /** Its sender dials only because the other one is connected to it: so that two do not keep each other for ever. */
  readonly inReturn?: boolean;
  /** Where its sender can be reached; missing: it does not say (an older version, or nobody that listens). */
  readonly addresses?: readonly Address[];
}

export interface Answer {
  /** As sent; a number that is not in `AnswerCode` is a refusal too. */
  readonly code: number;
  /** The version both speak from now on; 0 in a refusal. */
  readonly version: number;
  readonly clusterId: ClusterId;
  readonly memberId: MemberId;
  readonly nonce: bigint;
  /** For people; empty when accepted. */
  readonly reason: string;
}

/** What one end knows of itself. */
export interface LocalIdentity {
  readonly clusterId: ClusterId;
  readonly memberId: MemberId;
  readonly nonce: bigint;
}

/** A member or cluster id as etcd prints it. */
export function idText(id: bigint): string {
  return id.toString(16);
}

function greeting(body: Uint8Array, checksum: Checksum): Uint8Array {
  const bytes = new Uint8Array(BODY_AT + body.length + CRC_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC);
  view.setUint16(LENGTH_AT, body.length, true);
  bytes.set(body, BODY_AT);
  const end = BODY_AT + body.length;
  view.setUint32(end, checksum(bytes.subarray(0, end), 0), true);
  return bytes;
}

export function encodeHello(hello: Hello, checksum: Checksum): Uint8Array {
  const addressesAt = HELLO_BYTES + FLAGS_BYTES;
  const addresses = encodeAddresses(hello.addresses ?? [], MAX_BODY_BYTES - addressesAt);
  const bytes = new Uint8Array(addressesAt + addresses.length);
  const body = new DataView(bytes.buffer);
  body.setUint16(0, hello.oldestVersion, true);
  body.setUint16(2, hello.newestVersion, true);
  body.setBigUint64(4, hello.clusterId, true);
  body.setBigUint64(12, hello.from, true);
  body.setBigUint64(20, hello.to, true);
  body.setBigUint64(28, hello.nonce, true);
  body.setUint8(HELLO_BYTES, hello.inReturn === true ? IN_RETURN : 0);
  bytes.set(addresses, addressesAt);
  return greeting(bytes, checksum);
}

export function encodeAnswer(answer: Answer, checksum: Checksum): Uint8Array {
  const reason = new TextEncoder().encode(answer.reason).subarray(0, MAX_REASON_BYTES);
  const bytes = new Uint8Array(ANSWER_BYTES + reason.length);
  const body = new DataView(bytes.buffer);
  body.setUint8(0, answer.code);
  body.setUint16(2, answer.version, true);
  body.setBigUint64(4, answer.clusterId, true);
  body.setBigUint64(12, answer.memberId, true);
  body.setBigUint64(20, answer.nonce, true);
  bytes.set(reason, ANSWER_BYTES);
  return greeting(bytes, checksum);
}

/** A body read by `GreetingReader`; null: too short to be one. */
export function decodeHello(body: Uint8Array): Hello | null {
  if (body.length < HELLO_BYTES) return null;
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const inReturn = ((body[HELLO_BYTES] ?? 0) & IN_RETURN) !== 0;
  const addresses = decodeAddresses(body.subarray(HELLO_BYTES + FLAGS_BYTES));
  return {
    oldestVersion: view.getUint16(0, true),
    newestVersion: view.getUint16(2, true),
    clusterId: view.getBigUint64(4, true),
    from: view.getBigUint64(12, true),
    to: view.getBigUint64(20, true),
    nonce: view.getBigUint64(28, true),
    ...(inReturn ? { inReturn } : {}),
    ...(addresses.length === 0 ? {} : { addresses }),
  };
}

/** A body read by `GreetingReader`; null: too short to be one. */
export function decodeAnswer(body: Uint8Array): Answer | null {
  if (body.length < ANSWER_BYTES) return null;
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  return {
    code: view.getUint8(0),
    version: view.getUint16(2, true),
    clusterId: view.getBigUint64(4, true),
    memberId: view.getBigUint64(12, true),
    nonce: view.getBigUint64(20, true),
    // Characters that could confuse a terminal or a log are not let through.
    reason: new TextDecoder().decode(body.subarray(ANSWER_BYTES)).replace(/\p{Cc}/gu, "?"),
  };
}

/** Decides on a hello as far as the two identities go. */
export function answerTo(hello: Hello, local: LocalIdentity): Answer {
  const { oldest, newest } = PROTOCOL_VERSION;
  const version = Math.min(newest, hello.newestVersion);
  if (version < Math.max(oldest, hello.oldestVersion)) {
    const theirs = `${hello.oldestVersion} to ${hello.newestVersion}`;
    return refusal(
      local,
      AnswerCode.wrongVersion,
      `no common protocol version: ${theirs} offered, ${oldest} to ${newest} spoken here; run versions that overlap`,
    );
  }
  if (hello.clusterId !== local.clusterId) {
    const [theirs, ours] = [idText(hello.clusterId), idText(local.clusterId)];
    return refusal(
      local,
      AnswerCode.wrongCluster,
      `wrong cluster: ${theirs} asked for, this is ${ours}; all members need the same --initial-cluster, token and --engine`,
    );
  }
  if (hello.nonce === local.nonce) {
    return refusal(local, AnswerCode.sameMember, "the member reached itself: check the peers' addresses");
  }
  if (hello.from === local.memberId || hello.from === 0n) {
    const id = idText(hello.from);
    return refusal(local, AnswerCode.sameMember, `${id} cannot connect here: another process runs with this identity`);
  }
  if (hello.to !== local.memberId) {
    const [wanted, here] = [idText(hello.to), idText(local.memberId)];
    return refusal(local, AnswerCode.wrongMember, `wrong member: ${wanted} asked for, ${here} listens here`);
  }
  return { ...local, code: AnswerCode.accepted, version, reason: "" };
}

export function refusal(local: LocalIdentity, code: AnswerCode, reason: string): Answer {
  return { ...local, code, version: 0, reason };
}

/** Why an answer is not from whom it should be, though it accepts; null: it is. */
export function answerProblem(answer: Answer, local: LocalIdentity, expected: MemberId): string | null {
  if (answer.code !== AnswerCode.accepted) return answer.reason === "" ? `code ${answer.code}` : answer.reason;
  if (answer.clusterId !== local.clusterId) return `it belongs to the cluster ${idText(answer.clusterId)}`;
  if (answer.memberId !== expected) return `it is the member ${idText(answer.memberId)}`;
  if (answer.version < PROTOCOL_VERSION.oldest || answer.version > PROTOCOL_VERSION.newest) {
    return `it chose the protocol version ${answer.version}, which was not offered`;
  }
  return null;
}

/** Whether the member that was asked for, of this cluster, says that this one was removed. Nobody else is believed. */
export function saysRemoved(answer: Answer, local: LocalIdentity, expected: MemberId): boolean {
  return answer.code === AnswerCode.removed && answer.clusterId === local.clusterId && answer.memberId === expected;
}

export type GreetingProgress =
  | { readonly is: "incomplete" }
  /** `rest`: what came behind the greeting. */
  | { readonly is: "complete"; readonly body: Uint8Array; readonly rest: Uint8Array }
  | { readonly is: "foreign"; readonly problem: string };

/** Collects one greeting from chunks; holds no more bytes than a greeting can have. */
export class GreetingReader {
  readonly #checksum: Checksum;
  #bytes = new Uint8Array(0);

  constructor(checksum: Checksum) {
    this.#checksum = checksum;
  }

  /** To be called until it is complete or foreign. */
  push(chunk: Uint8Array): GreetingProgress {
    const before = this.#bytes.length;
    const taken = chunk.subarray(0, BODY_AT + MAX_BODY_BYTES + CRC_BYTES - before);
    const bytes = new Uint8Array(before + taken.length);
    bytes.set(this.#bytes);
    bytes.set(taken, before);
    this.#bytes = bytes;

    for (let i = 0; i < Math.min(MAGIC.length, bytes.length); i++) {
      if (bytes[i] !== MAGIC[i]) return { is: "foreign", problem: `it is no Quorate peer (${hint(bytes)})` };
    }
    if (bytes.length < BODY_AT) return { is: "incomplete" };
    const view = new DataView(bytes.buffer);
    const length = view.getUint16(LENGTH_AT, true);
    if (length > MAX_BODY_BYTES) return { is: "foreign", problem: `its greeting has ${length} bytes` };
    const end = BODY_AT + length;
    if (bytes.length < end + CRC_BYTES) return { is: "incomplete" };
    if (this.#checksum(bytes.subarray(0, end), 0) !== view.getUint32(end, true)) {
      return { is: "foreign", problem: "its greeting is damaged: the checksum does not match" };
    }
    return {
      is: "complete",
      body: bytes.subarray(BODY_AT, end),
      rest: chunk.subarray(end + CRC_BYTES - before),
    };
  }
}

/** What foreign bytes look like, for the one who has to find the wrong port. */
function hint(bytes: Uint8Array): string {
  if (bytes[0] === 0x16 && (bytes[1] === undefined || bytes[1] === 3)) return "it speaks TLS";
  const start = String.fromCharCode(...bytes.subarray(0, 8));
  if (/^(GET|POST|HEAD|PUT|PRI|HTTP|OPTIONS)/.test(start)) return "it speaks HTTP: a client on the peer port?";
  return `it begins with ${Array.from(bytes.subarray(0, 8), (byte) => byte.toString(16).padStart(2, "0")).join(" ")}`;
}
