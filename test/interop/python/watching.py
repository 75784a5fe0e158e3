"""Watch with replay, leases and locks with Debian's python3-etcd3. Arguments: host, port."""
import os
import sys
import threading
import time

import etcd3
from etcd3.events import DeleteEvent, PutEvent

client = etcd3.client(host=sys.argv[1], port=int(sys.argv[2]), timeout=10)
other = etcd3.client(host=sys.argv[1], port=int(sys.argv[2]), timeout=10)


def give_up():
    print("no event came", file=sys.stderr, flush=True)
    os._exit(1)


def take(events, count):
    """The next `count` events; a watchdog ends the program if they do not come."""
    watchdog = threading.Timer(15, give_up)
    watchdog.start()
    found = [next(events) for _ in range(count)]
    watchdog.cancel()
    return found


start = client.put("pw/a", "1").header.revision
client.put("pw/a", "2")
client.delete("pw/a")
events, cancel = client.watch_prefix("pw/", start_revision=start)
first, second, third = take(events, 3)
assert isinstance(first, PutEvent) and first.value == b"1"
assert isinstance(second, PutEvent) and second.value == b"2" and second.version == 2
assert isinstance(third, DeleteEvent) and third.key == b"pw/a"
assert [first.mod_revision, second.mod_revision, third.mod_revision] == [start, start + 1, start + 2]
other.put("pw/b", "live")
(live,) = take(events, 1)
assert live.key == b"pw/b" and live.value == b"live"
cancel()

lease = client.lease(2)
client.put("pw/leased", "for a while", lease=lease)
assert lease.granted_ttl == 2
assert 0 <= lease.remaining_ttl <= 2
assert list(lease.keys) == [b"pw/leased"]
renewed = lease.refresh()[0]
assert renewed.TTL == 2
deadline = time.monotonic() + 15
while client.get("pw/leased")[0] is not None:
    assert time.monotonic() < deadline, "the lease did not end"
    time.sleep(0.1)

revoked = client.lease(600)
client.put("pw/revoked", "x", lease=revoked)
revoked.revoke()
assert client.get("pw/revoked") == (None, None)

lock = client.lock("guard", ttl=10)
assert lock.acquire(timeout=5) is True
assert lock.is_acquired() is True
# Debian's module cannot wait for a lock (it does not fit its own version of tenacity): take the lock's step by hand.
assert other.put_if_not_exists(lock.key, "mine") is False, "two hold the lock"
assert lock.release() is True
late = other.lock("guard", ttl=10)
assert late.acquire(timeout=5) is True
late.release()
print("OK")
