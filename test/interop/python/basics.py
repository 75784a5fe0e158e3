"""Put, get, range, delete and transactions with Debian's python3-etcd3. Arguments: host, port."""
import sys

import etcd3

client = etcd3.client(host=sys.argv[1], port=int(sys.argv[2]), timeout=10)


def strings(pairs):
    return [(meta.key.decode(), value.decode()) for value, meta in pairs]


client.put("py/a", "1")
client.put("py/c", "3")
client.put("py/b", "2")
client.put("py0", "outside of the prefix")
value, meta = client.get("py/a")
assert value == b"1", value
assert meta.version == 1, meta.version
assert meta.create_revision == meta.mod_revision > 1, (meta.create_revision, meta.mod_revision)
assert client.get("py/absent") == (None, None)
assert strings(client.get_prefix("py/")) == [("py/a", "1"), ("py/b", "2"), ("py/c", "3")]
assert strings(client.get_prefix("py/", sort_order="descend", sort_target="key"))[0] == ("py/c", "3")
assert strings(client.get_prefix("py/", sort_order="ascend", sort_target="mod"))[1] == ("py/c", "3")
assert strings(client.get_range("py/a", "py/c")) == [("py/a", "1"), ("py/b", "2")]

assert client.put("py/a", "1, again", prev_kv=True).prev_kv.value == b"1"
assert client.get("py/a")[1].version == 2
assert client.get("py/a", serializable=True)[0] is not None

assert client.put_if_not_exists("py/new", "first") is True
assert client.put_if_not_exists("py/new", "second") is False
assert client.replace("py/new", "first", "third") is True
assert client.replace("py/new", "first", "fourth") is False
assert client.get("py/new")[0] == b"third"

tx = client.transactions
succeeded, responses = client.transaction(
    compare=[tx.value("py/a") == "1, again", tx.version("py/a") > 1, tx.create("py/absent") == "0"],
    success=[tx.put("py/txn", "done"), tx.get("py/txn"), tx.delete("py/b")],
    failure=[tx.put("py/txn", "not done")],
)
assert succeeded is True
assert responses[1][0][0] == b"done", "an operation sees those before it"
assert client.get("py/b") == (None, None)
succeeded, responses = client.transaction(
    compare=[tx.mod("py/a") == "1"], success=[], failure=[tx.get("py/txn")]
)
assert succeeded is False
assert responses[0][0][0] == b"done"

assert client.delete("py/a") is True
assert client.delete("py/a") is False
assert client.delete_prefix("py/").deleted == 3, "py/c, py/new, py/txn"
assert list(client.get_prefix("py/")) == []

binary = bytes(range(256))
client.put(b"py/\x00\xff", binary)
assert client.get(b"py/\x00\xff")[0] == binary
print("OK")
