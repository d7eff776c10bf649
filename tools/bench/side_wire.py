"""PyMongo on a server: the same client and the same work, whichever server it is."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import docs
import pymongo
from pymongo.write_concern import WriteConcern


class Side:
    """One server. Every method returns a rate, of calls a second or of documents."""

    def __init__(self, uri: str, argon: bool) -> None:
        self._client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(uri, maxPoolSize=64)
        # What Argon acknowledges is on disk in any case.
        self._concern = WriteConcern(w=1) if argon else WriteConcern(w=1, j=True)
        self._next = 0

    def close(self) -> None:
        """Leave the server."""
        self._client.close()

    def version(self) -> str:
        """Return the version of the server."""
        info = self._client.server_info()
        if "argonVersion" in info:
            return f"Argon {info['argonVersion']}"
        return f"mongod {info['version']}"

    def fill(self, name: str, count: int) -> None:
        """Store documents 0 to count - 1."""
        coll = self._collection(name)
        coll.drop()
        for begin in range(0, count, 10_000):
            end = min(begin + 10_000, count)
            coll.insert_many((docs.nested(i) for i in range(begin, end)), ordered=False)

    def branches(self, name: str, depth: int) -> str:
        """Fork branches of branches, each with a write of its own; return the deepest."""
        base = self._client["bench"]
        before = "main"
        for n in range(depth):
            base.command("argonBranchCreate", f"deep{n}", **{"from": before})
            before = f"deep{n}"
            self._client[f"bench~{before}"][name].update_one({"_id": n}, {"$set": {"deep": n}})
        return f"bench~{before}"

    def moment(self, name: str, writes: int) -> str:
        """Write every document once more, some several times; return the moment before."""
        lsn = self._client["bench"].command("argonResolve", "main")["lsn"]
        coll = self._collection(name)
        for _ in range(writes):
            coll.update_many({}, {"$inc": {"visits": 1}})
        return f"bench~main~{lsn}"

    def find_one(self, name: str, threads: int, each: int, database: str = "bench") -> float:
        """Read documents by their _id."""
        coll = self._client[database][name]
        return self._rate(
            threads, each, lambda t, i: coll.find_one({"_id": (t * 7919 + i * 31) % 9000})
        )

    def find_many(self, name: str, threads: int, each: int, database: str = "bench") -> float:
        """Read 1,000 documents at a time."""
        coll = self._client[database][name]

        def work(t: int, i: int) -> None:
            begin = (t * 1000 + i * 1000) % 9000
            got = coll.find({"_id": {"$gte": begin, "$lt": begin + 1000}}, batch_size=2000)
            assert len(list(got)) == 1000

        return self._rate(threads, each, work)

    def insert_one(self, threads: int, each: int) -> float:
        """Insert documents one by one."""
        coll, base = self._collection("singles"), self._take(threads * each)
        return self._rate(
            threads, each, lambda t, i: coll.insert_one(docs.nested(base + t * each + i))
        )

    def insert_many(self, threads: int, each: int) -> float:
        """Insert 1,000 documents at a time; a rate of documents."""
        coll, base = self._collection("batches"), self._take(threads * each * 1000)
        batches = [
            [docs.nested(base + n * 1000 + i) for i in range(1000)] for n in range(threads * each)
        ]
        return 1000 * self._rate(
            threads, each, lambda t, i: coll.insert_many(batches[t * each + i])
        )

    def update_one(self, name: str, threads: int, each: int) -> float:
        """Increment a field of documents, by their _id."""
        coll = self._collection(name)
        return self._rate(
            threads, each,
            lambda t, i: coll.update_one({"_id": t * 500 + i % 500}, {"$inc": {"visits": 1}}),
        )  # fmt: skip

    def group(self, name: str, threads: int, each: int, database: str = "bench") -> float:
        """Group the collection by a field of an embedded document."""
        coll = self._client[database][name]
        stages = [{"$group": {"_id": "$address.city", "n": {"$sum": 1}, "age": {"$avg": "$age"}}}]
        return self._rate(threads, each, lambda t, i: list(coll.aggregate(stages)))

    def idle(self, pid: int, connections: int) -> float:
        """Open connections and leave them; return the server's bytes for each."""
        import socket

        import bson

        host, port = self._client.address or ("127.0.0.1", 0)
        body = b"\0\0\0\0\0" + bson.encode({"hello": 1, "$db": "admin"})
        message = (
            (16 + len(body)).to_bytes(4, "little") + bytes(8) + (2013).to_bytes(4, "little") + body
        )
        before = _resident(pid)
        sockets = []
        for _ in range(connections):
            s = socket.create_connection((host, port))
            s.sendall(message)
            assert s.recv(4096)
            sockets.append(s)
        after = _resident(pid)
        for s in sockets:
            s.close()
        return (after - before) / connections

    def _collection(self, name: str) -> Any:
        return self._client["bench"].get_collection(name, write_concern=self._concern)

    def _take(self, count: int) -> int:
        self._next += count
        return self._next - count

    def _rate(self, threads: int, each: int, work: Callable[[int, int], Any]) -> float:
        """Do it in so many threads, each on a connection of its own."""
        ready = threading.Barrier(threads + 1)

        def run(t: int) -> None:
            work(t, 0)  # the connection
            ready.wait()
            for i in range(1, each):
                work(t, i)

        started = [threading.Thread(target=run, args=(t,)) for t in range(threads)]
        for thread in started:
            thread.start()
        ready.wait()
        begin = time.perf_counter()
        for thread in started:
            thread.join()
        return threads * (each - 1) / (time.perf_counter() - begin)


def _resident(pid: int) -> int:
    with open(f"/proc/{pid}/status") as status:
        for line in status:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) << 10
    raise AssertionError("no VmRSS")
