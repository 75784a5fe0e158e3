/**
 * Questions from one replica to another that need the leader's memory (lease times) or its authority (members).
 *
 *     request:  u32 id | u8 operation | JSON arguments        response: u32 id | u8 ok | JSON answer or error
 *
 * They are rare, so JSON will do; ids of members and leases are written as decimal strings.
 */
import type { Clock, GroupId, MemberId, Scheduled } from "../environment.ts";
import { GrpcStatus, QuorateError } from "../errors.ts";
import { etcdErrors } from "../keyspace/etcd-errors.ts";
import { FrameKind, type Transport } from "../transport/transport.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Numbers are part of the wire format. */
export const Operation = { renewLease: 1, leaseTimeToLive: 2, changeMembership: 3 } as const;
export type Operation = (typeof Operation)[keyof typeof Operation];

/** Most bytes of one question or answer. */
export const MAX_REQUEST_BYTES: number = 1 << 16;

export type Answer = (args: unknown, from: MemberId) => Promise<unknown>;

export interface RequestPorts {
  readonly environment: { readonly clock: Clock };
  readonly transport: Transport;
  readonly group: GroupId;
}

interface Waiting {
  readonly to: MemberId;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly timer: Scheduled;
}

export class Requests {
  #nextId = 1;
  readonly #waiting = new Map<number, Waiting>();
  readonly #clock: Clock;
  readonly #transport: Transport;
  readonly #group: GroupId;
  readonly #answers: ReadonlyMap<number, Answer>;

  constructor({ environment, transport, group }: RequestPorts, answers: ReadonlyMap<number, Answer>) {
    this.#clock = environment.clock;
    this.#transport = transport;
    this.#group = group;
    this.#answers = answers;
  }

  /** It leaves at once: somebody waits for it. */
  #send(to: MemberId, kind: FrameKind, payload: Uint8Array): boolean {
    const sent = this.#transport.send(to, this.#group, kind, [payload], false);
    this.#transport.flush();
    return sent;
  }

  ask(to: MemberId, operation: Operation, args: unknown, timeoutMs: number): Promise<unknown> {
    const id = this.#nextId++ >>> 0;
    return new Promise((resolve, reject) => {
      const timer = this.#clock.after(timeoutMs, () => {
        this.#waiting.delete(id);
        reject(etcdErrors.timeoutDueToConnectionLost());
      });
      this.#waiting.set(id, { to, resolve, reject, timer });
      if (!this.#send(to, FrameKind.request, frame(id, operation, args))) this.#fail(id, etcdErrors.noLeader());
    });
  }

  request(from: MemberId, payload: Uint8Array): void {
    const question = parse(payload);
    if (question === null) return;
    const answer = this.#answers.get(question.code);
    if (answer === undefined) return;
    answer(question.body, from).then(
      (body) => this.#send(from, FrameKind.response, frame(question.id, 1, body ?? null)),
      (error: unknown) => this.#send(from, FrameKind.response, frame(question.id, 0, describe(error))),
    );
  }

  response(from: MemberId, payload: Uint8Array): void {
    const answer = parse(payload);
    if (answer === null) return;
    const waiting = this.#waiting.get(answer.id);
    if (waiting === undefined || waiting.to !== from) return;
    if (answer.code !== 1) {
      this.#fail(answer.id, revive(answer.body));
      return;
    }
    this.#waiting.delete(answer.id);
    waiting.timer.cancel();
    waiting.resolve(answer.body);
  }

  /** Another member leads: those asked before will not answer, or have nothing to say any more. */
  leaderChanged(leader: MemberId): void {
    for (const [id, waiting] of this.#waiting) {
      if (waiting.to !== leader) this.#fail(id, etcdErrors.timeoutDueToLeaderFail());
    }
  }

  /** The link to a peer broke: its answers will not come. */
  linkLost(peer: MemberId): void {
    for (const [id, waiting] of this.#waiting) {
      if (waiting.to === peer) this.#fail(id, etcdErrors.timeoutDueToConnectionLost());
    }
  }

  stop(): void {
    for (const id of this.#waiting.keys()) this.#fail(id, etcdErrors.serverStopped());
  }

  #fail(id: number, error: unknown): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    this.#waiting.delete(id);
    waiting.timer.cancel();
    waiting.reject(error);
  }
}

function frame(id: number, code: number, body: unknown): Uint8Array {
  const json = encoder.encode(JSON.stringify(body));
  const bytes = new Uint8Array(5 + json.length);
  new DataView(bytes.buffer).setUint32(0, id, true);
  bytes[4] = code;
  bytes.set(json, 5);
  return bytes;
}

function parse(payload: Uint8Array): { id: number; code: number; body: unknown } | null {
  if (payload.length < 5 || payload.length > MAX_REQUEST_BYTES) return null;
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  try {
    const body: unknown = JSON.parse(decoder.decode(payload.subarray(5)));
    return { id: view.getUint32(0, true), code: view.getUint8(4), body };
  } catch {
    return null;
  }
}

interface WrittenError {
  readonly code: string;
  readonly status: number;
  readonly message: string;
}

function describe(error: unknown): WrittenError {
  if (error instanceof QuorateError) return { code: error.code, status: error.status, message: error.message };
  return { code: "INTERNAL", status: GrpcStatus.internal, message: String(error) };
}

function revive(body: unknown): QuorateError {
  const { code, status, message } = (body ?? {}) as Partial<WrittenError>;
  const known = Object.values(GrpcStatus).find((value) => value === status);
  return new QuorateError(String(code ?? "INTERNAL"), known ?? GrpcStatus.unknown, String(message ?? "unknown error"));
}
