import assert from "node:assert/strict";
import { test } from "node:test";
import type { Member } from "../../keyspace/members.ts";
import {
  MemberAddRequestSchema,
  MemberAddResponseSchema,
  MemberListRequestSchema,
  MemberListResponseSchema,
  MemberPromoteRequestSchema,
  MemberPromoteResponseSchema,
  MemberRemoveRequestSchema,
  MemberRemoveResponseSchema,
  MemberUpdateRequestSchema,
  MemberUpdateResponseSchema,
} from "../../wire/gen/etcdserverpb/cluster_pb.ts";
import { withServer } from "../testing/harness.ts";

const two: Member = {
  id: 0xffff_ffff_ffff_fff2n,
  name: "two",
  peerUrls: ["http://127.0.0.1:2480"],
  clientUrls: ["http://127.0.0.1:2479"],
  isLearner: false,
};

test("members are listed, added, promoted, updated and removed; headers carry no revision", async () => {
  await withServer(
    async ({ client, replica }) => {
      const list = await client.call(
        "/etcdserverpb.Cluster/MemberList",
        MemberListRequestSchema,
        MemberListResponseSchema,
        {
          linearizable: true,
        },
      );
      assert.equal(replica.reads, 1);
      assert.deepEqual([list.header?.revision, list.header?.memberId], [0n, replica.memberId]);
      const listed = new Map(list.members.map(({ ID, name, clientURLs }) => [ID, [name, ...clientURLs]]));
      assert.deepEqual(listed.get(replica.memberId), ["one", "http://127.0.0.1:2379"]);
      assert.deepEqual(listed.get(two.id), ["two", "http://127.0.0.1:2479"]);
      assert.equal(listed.size, 2);
      const added = await client.call(
        "/etcdserverpb.Cluster/MemberAdd",
        MemberAddRequestSchema,
        MemberAddResponseSchema,
        {
          peerURLs: ["http://[::1]:2580"],
          isLearner: true,
        },
      );
      assert.equal(added.member?.isLearner, true);
      assert.deepEqual(added.member?.peerURLs, ["http://[::1]:2580"]);
      assert.equal(added.members.length, 3);
      const ID = added.member?.ID ?? 0n;
      const promoted = await client.call(
        "/etcdserverpb.Cluster/MemberPromote",
        MemberPromoteRequestSchema,
        MemberPromoteResponseSchema,
        { ID },
      );
      assert.equal(promoted.members.find((member) => member.ID === ID)?.isLearner, false);
      const updated = await client.call(
        "/etcdserverpb.Cluster/MemberUpdate",
        MemberUpdateRequestSchema,
        MemberUpdateResponseSchema,
        { ID, peerURLs: ["http://127.0.0.1:2680"] },
      );
      assert.deepEqual(updated.members.find((member) => member.ID === ID)?.peerURLs, ["http://127.0.0.1:2680"]);
      const removed = await client.call(
        "/etcdserverpb.Cluster/MemberRemove",
        MemberRemoveRequestSchema,
        MemberRemoveResponseSchema,
        { ID },
      );
      assert.equal(removed.members.length, 2);
    },
    {},
    [two],
  );
});

test("wrong member requests have etcd's codes and texts", async () => {
  await withServer(
    async ({ client, replica }) => {
      const bad = { code: 3, details: "etcdserver: given member URLs are invalid" };
      for (const peerURLs of [
        [],
        [""],
        ["127.0.0.1:2380"],
        ["http://127.0.0.1"],
        ["http://127.0.0.1:2380/path"],
        ["ftp://h:1"],
      ]) {
        const failure = await client.failure("/etcdserverpb.Cluster/MemberAdd", MemberAddRequestSchema, { peerURLs });
        assert.deepEqual(failure, bad, JSON.stringify(peerURLs));
      }
      const unknown = { code: 5, details: "etcdserver: member not found" };
      const peerURLs = ["http://127.0.0.1:2480"];
      assert.deepEqual(
        await client.failure("/etcdserverpb.Cluster/MemberRemove", MemberRemoveRequestSchema, { ID: 9n }),
        unknown,
      );
      assert.deepEqual(
        await client.failure("/etcdserverpb.Cluster/MemberUpdate", MemberUpdateRequestSchema, { ID: 9n, peerURLs }),
        unknown,
      );
      assert.deepEqual(
        await client.failure("/etcdserverpb.Cluster/MemberUpdate", MemberUpdateRequestSchema, {
          ID: replica.memberId,
          peerURLs,
        }),
        { code: 9, details: "etcdserver: Peer URLs already exists" },
      );
    },
    {},
    [two],
  );
});
