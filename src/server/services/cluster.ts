/**
 * etcdserverpb.Cluster: who belongs to it. Whether a change is safe is for the leader to judge (`replica/`); here it is
 * only seen whether it makes sense as a request.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { encodeCommand } from "../../keyspace/command.ts";
import { etcdErrors } from "../../keyspace/etcd-errors.ts";
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
  type MemberSchema,
  MemberUpdateRequestSchema,
  MemberUpdateResponseSchema,
} from "../../wire/gen/etcdserverpb/cluster_pb.ts";
import type { Method } from "../front-door.ts";
import { unaryMethod } from "../messages.ts";
import { linearize, type ServiceContext } from "../service-context.ts";

export function clusterMethods({ replica, view }: ServiceContext): Method[] {
  // etcd leaves the revision out: membership is not part of the keyspace's history.
  const header = (): ReturnType<typeof view.wireHeader> => view.wireHeader(0);
  return [
    unaryMethod(
      "/etcdserverpb.Cluster/MemberAdd",
      MemberAddRequestSchema,
      MemberAddResponseSchema,
      async ({ peerURLs, isLearner }) => {
        checkUrls(peerURLs);
        const changed = await replica.changeMembership({ type: "add", peerUrls: peerURLs, learner: isLearner });
        return { header: header(), member: wireMember(changed.member), members: changed.members.map(wireMember) };
      },
    ),
    unaryMethod(
      "/etcdserverpb.Cluster/MemberRemove",
      MemberRemoveRequestSchema,
      MemberRemoveResponseSchema,
      async ({ ID }) => {
        const { members } = await replica.changeMembership({ type: "remove", id: ID });
        return { header: header(), members: members.map(wireMember) };
      },
    ),
    unaryMethod(
      "/etcdserverpb.Cluster/MemberUpdate",
      MemberUpdateRequestSchema,
      MemberUpdateResponseSchema,
      async ({ ID, peerURLs }) => {
        checkUrls(peerURLs);
        await linearize(replica);
        const members = replica.keyspace.members.list();
        if (!members.some(({ id }) => id === ID)) throw etcdErrors.memberNotFound();
        const taken = members.some(({ id, peerUrls }) => id !== ID && peerUrls.some((url) => peerURLs.includes(url)));
        if (taken) throw etcdErrors.peerUrlExists();
        await new Promise<void>((resolve, reject) => {
          const command = encodeCommand({ type: "memberUpdate", id: ID, peerUrls: peerURLs });
          replica.propose(command, (result) => (result.type === "error" ? reject(result.error) : resolve()));
        });
        return { header: header(), members: replica.keyspace.members.list().map(wireMember) };
      },
    ),
    unaryMethod(
      "/etcdserverpb.Cluster/MemberList",
      MemberListRequestSchema,
      MemberListResponseSchema,
      async ({ linearizable }) => {
        if (linearizable) await linearize(replica);
        return { header: header(), members: replica.keyspace.members.list().map(wireMember) };
      },
    ),
    unaryMethod(
      "/etcdserverpb.Cluster/MemberPromote",
      MemberPromoteRequestSchema,
      MemberPromoteResponseSchema,
      async ({ ID }) => {
        const { members } = await replica.changeMembership({ type: "promote", id: ID });
        return { header: header(), members: members.map(wireMember) };
      },
    ),
  ];
}

function wireMember({ id, name, peerUrls, clientUrls, isLearner }: Member): MessageInitShape<typeof MemberSchema> {
  return { ID: id, name, peerURLs: [...peerUrls], clientURLs: [...clientUrls], isLearner };
}

/** At least one, each `http(s)://host:port` without a path: as etcd has them. */
function checkUrls(urls: readonly string[]): void {
  if (urls.length === 0 || !urls.every(isMemberUrl)) throw etcdErrors.badMemberUrls();
}

function isMemberUrl(text: string): boolean {
  if (!/^http:\/\/(\[[0-9a-fA-F:.]+\]|[^/:@?#]+):\d{1,5}$/.test(text)) return false;
  return URL.canParse(text);
}
