"""Members, status, compaction and its errors with Debian's python3-etcd3. Arguments: host, port, member count."""
import sys

import etcd3
import grpc

client = etcd3.client(host=sys.argv[1], port=int(sys.argv[2]), timeout=10)

members = list(client.members)
assert len(members) == int(sys.argv[3]), [str(member) for member in members]
assert len({member.id for member in members}) == len(members)
for member in members:
    assert member.name and member.peer_urls and member.client_urls, str(member)

status = client.status()
assert status.leader.id in {member.id for member in members}
assert status.raft_term >= 1 and status.raft_index >= 1
assert status.version.count(".") == 2, status.version
assert status.db_size > 0
assert list(client.list_alarms()) == []

old = client.put("pc/a", "1").header.revision
new = client.put("pc/a", "2").header.revision
assert new == old + 1
client.compact(new)
try:
    client.compact(old)
except grpc.RpcError as error:
    assert error.code() == grpc.StatusCode.OUT_OF_RANGE, error.code()
    assert error.details() == "etcdserver: mvcc: required revision has been compacted", error.details()
else:
    raise AssertionError("a revision before the compaction was compacted again")
try:
    client.put("", "x")
except grpc.RpcError as error:
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT, error.code()
    assert error.details() == "etcdserver: key is not provided", error.details()
else:
    raise AssertionError("an empty key was taken")
try:
    client.revoke_lease(123456789)
except grpc.RpcError as error:
    assert error.code() == grpc.StatusCode.NOT_FOUND, error.code()
    assert error.details() == "etcdserver: requested lease not found", error.details()
else:
    raise AssertionError("a lease that is not there was revoked")
print("OK")
