import assert from "node:assert/strict";
import { it } from "node:test";
import { createMembership, emptyMembership, type Membership } from "../membership.ts";
import { founders, Theatre } from "../testing/puppets.ts";
import { command, membershipEntry } from "../testing/solo.ts";
import { knownMemberships } from "./known-memberships.ts";

it("a member reckons with the membership in force and with those that may come", () => {
  const puppet = new Theatre().puppet(1n);
  const next = createMembership([1n, 2n]);
  puppet.log.push(command(1, 2), membershipEntry(1, 3, next), command(1, 4));
  const see = (commit: number, membership: Membership): Membership[] => {
    puppet.status = { ...puppet.status, commit, membership, lastIndex: 4 };
    return knownMemberships(puppet);
  };
  assert.deepEqual(see(1, founders), [founders, next]);
  assert.deepEqual(see(3, next), [next]);
  assert.deepEqual(see(3, emptyMembership), []);
});
