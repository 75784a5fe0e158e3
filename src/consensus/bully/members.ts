/** Who takes part, and in which order they go before each other: by number, and by id where numbers are equal. */
import type { MemberId } from "../../environment.ts";
import { assert, GrpcStatus, QuorateError } from "../../errors.ts";
import { name } from "../parts/name.ts";

export interface BullyMember {
  readonly id: MemberId;
  /** The highest reachable number leads. A safe integer, negative ones too; may occur twice, the higher id then counts. */
  readonly number: number;
}

/**
 * @param maxMembers how many there may be.
 * @throws QuorateError `CONFIG` naming the member and what is wrong with it.
 */
export function checkMembers(members: readonly BullyMember[], maxMembers: number): void {
  if (members.length > maxMembers) {
    throw badMembers(`${members.length} members are too many: raise maxMembers (${maxMembers}) or name fewer`);
  }
  const seen = new Set<MemberId>();
  for (const { id, number } of members) {
    if (id <= 0n || id >= 1n << 64n) throw badMembers(`member id ${id} must be from 1 to 2^64-1`);
    if (!Number.isSafeInteger(number)) {
      throw badMembers(`the number of member ${name(id)} is ${number}: it must be an integer between -2^53 and 2^53`);
    }
    if (seen.has(id)) throw badMembers(`member ${name(id)} is named twice: name it once, with one number`);
    seen.add(id);
  }
}

function badMembers(message: string): QuorateError {
  return new QuorateError("CONFIG", GrpcStatus.invalidArgument, message);
}

/** Members in their order. A value: a changed membership is a new ranking. */
export class Ranking {
  /** The highest first. */
  readonly ids: readonly MemberId[];
  readonly #places: ReadonlyMap<MemberId, number>;

  /** @param members checked by `checkMembers`. */
  constructor(members: readonly BullyMember[]) {
    const sorted = [...members].sort((a, b) => b.number - a.number || (a.id < b.id ? 1 : -1));
    this.ids = sorted.map(({ id }) => id);
    this.#places = new Map(this.ids.map((id, place) => [id, place]));
  }

  has(id: MemberId): boolean {
    return this.#places.has(id);
  }

  /** Whether `a` goes before `b`. Both must be members. */
  outranks(a: MemberId, b: MemberId): boolean {
    return this.#place(a) < this.#place(b);
  }

  /** Everybody who goes before this member, the highest first. */
  above(id: MemberId): readonly MemberId[] {
    return this.ids.slice(0, this.#place(id));
  }

  #place(id: MemberId): number {
    const place = this.#places.get(id);
    assert(place !== undefined, `${name(id)} is no member`);
    return place;
  }
}
