/**
 * The way of a command from its caller into the log: gathered for a turn, then proposed to the own engine by a leader, or
 * forwarded to the leader by everybody else; and a leader's way for the batches that others forward to it.
 */
import type { Input, Refusal, Status } from "../consensus/engine.ts";
import type { GroupId, MemberId } from "../environment.ts";
import type { CommandResult } from "../keyspace/keyspace.ts";
import { FrameKind, type Transport } from "../transport/transport.ts";
import { type BatchName, decodeForward, encodeBatch, type Forwarded, forwardHeader } from "./batch.ts";
import type { ReplicaOptions } from "./options.ts";
import { Forwards, Proposals } from "./proposals.ts";

/** After a refusal that time can mend (too many uncommitted bytes): wait for acknowledgements before trying again. */
const PROPOSE_AGAIN_MS = 5;

type Asked =
  | { readonly type: "own"; readonly sequence: number }
  | { readonly type: "forwarded"; readonly forwarded: Forwarded };

export interface IntakePorts {
  readonly nextId: () => number;
  readonly step: (input: Input) => void;
}

export class Intake {
  readonly #self: MemberId;
  /** Drawn at each start. */
  readonly #boot: number;
  readonly #group: GroupId;
  readonly #transport: Transport;
  readonly #ports: IntakePorts;
  readonly #proposals: Proposals;
  readonly #forwards = new Forwards();
  /** Taken from others, not in the log yet. Each member bounds what it forwards, so this is bounded too. */
  #forwarded: Forwarded[] = [];
  readonly #asked = new Map<number, Asked>();
  #notBefore = 0;

  constructor(options: ReplicaOptions, ports: IntakePorts) {
    this.#self = options.memberId;
    this.#boot = options.environment.random.uint32();
    this.#group = options.group;
    this.#transport = options.transport;
    this.#ports = ports;
    this.#proposals = new Proposals({ maxCommands: options.maxPendingCommands, maxBytes: options.maxPendingBytes });
  }

  /** Commands without an answer. */
  get pending(): number {
    return this.#proposals.count;
  }

  /** False: there are too many already. */
  add(
    command: Uint8Array,
    done: (result: CommandResult) => void,
    deadline: number,
    onlyInEpoch: number | null,
  ): boolean {
    return this.#proposals.add(command, done, deadline, onlyInEpoch);
  }

  /** A batch from another member: taken once, if it is meant for the epoch this member leads in. */
  takeForward(from: MemberId, payload: Uint8Array, { role, epoch }: Status): void {
    const forwarded = decodeForward(payload);
    if (forwarded === null || role !== "leader" || forwarded.epoch !== epoch) return;
    if (!this.#forwards.take(epoch, from, forwarded.boot, forwarded.sequence)) return;
    this.#forwarded.push(forwarded);
    this.#ports.step({ type: "awaited", peer: from });
  }

  /** The end of a turn: hands over what has gathered. */
  feed({ role, leader, epoch }: Status, now: number, revision: number): void {
    this.#proposals.refuseOutdated(epoch, revision);
    if (leader === 0n || now < this.#notBefore) return;
    if (role === "leader") {
      const all = this.#forwarded;
      if (all.length > 0) this.#forwarded = [];
      for (const forwarded of all) this.#propose(forwarded.epoch, forwarded.batch, { type: "forwarded", forwarded });
    }
    while (this.#proposals.hasWaiting) {
      this.#proposals.takeBatch(epoch, (sequence, commands) => encodeBatch(this.#name(sequence), commands));
    }
    if (!this.#proposals.hasInFlight) return;
    this.#proposals.sendUnsent(epoch, leader, ({ sequence, bytes }) => {
      if (role === "leader") {
        this.#propose(epoch, bytes, { type: "own", sequence });
        return true;
      }
      return this.#transport.send(
        leader,
        this.#group,
        FrameKind.forward,
        [forwardHeader(epoch, this.#name(sequence)), bytes],
        false,
      );
    });
  }

  accepted(id: number): void {
    this.#asked.delete(id);
  }

  /** The engine did not take a proposal. False: it was none of ours. */
  refused(id: number, reason: Refusal, now: number): boolean {
    const asked = this.#asked.get(id);
    if (asked === undefined) return false;
    this.#asked.delete(id);
    this.#notBefore = now + PROPOSE_AGAIN_MS;
    if (asked.type === "own") this.#proposals.withdraw(asked.sequence);
    // Unless the epoch is over (then its member proposes it anew), a forwarded batch has to stay: a later one of the
    // same member must not overtake it.
    else if (reason !== "stale epoch" && reason !== "not leader") this.#forwarded.push(asked.forwarded);
    return true;
  }

  applied({ proposer, boot, sequence }: BatchName, results: readonly CommandResult[]): void {
    if (proposer === this.#self && boot === this.#boot) this.#proposals.applied(sequence, results);
  }

  epochApplied(epoch: number): void {
    this.#proposals.epochApplied(epoch);
  }

  outcomeLost(revision: number): void {
    this.#proposals.outcomeLost(revision);
  }

  statusChanged({ role }: Status): void {
    this.#notBefore = 0;
    if (role !== "leader") this.#forwarded = [];
  }

  /** The link to a member is a new one: what went over the old one is sent again, in order. */
  linkReplaced(peer: MemberId): void {
    this.#proposals.linkReplaced(peer);
  }

  expire(now: number, hasLeader: boolean, revision: number): void {
    this.#proposals.expire(now, hasLeader, revision);
  }

  stop(revision: number): void {
    this.#proposals.stop(revision);
  }

  #propose(epoch: number, data: Uint8Array, asked: Asked): void {
    const id = this.#ports.nextId();
    this.#asked.set(id, asked);
    this.#ports.step({ type: "propose", id, epoch, data });
  }

  #name(sequence: number): BatchName {
    return { proposer: this.#self, boot: this.#boot, sequence };
  }
}
