"""Change streams of the embedded store."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import bson
import pytest

import argon
from argon._errors import error_class


@pytest.fixture
def shop(tmp_path):
    with argon.Client(tmp_path / "store", project="shop") as client:
        yield client


def kinds(changes):
    return [change["operationType"] for change in changes]


def drain(stream):
    found = []
    while (change := stream.try_next()) is not None:
        found.append(change)
    return found


def test_watching_a_collection(shop):
    shop.projects.create("shop")
    main = shop.project("shop").branch("main")
    users = main["users"]
    with users.watch(
        full_document="updateLookup", full_document_before_change="required"
    ) as stream:
        assert stream.try_next() is None
        assert stream.resume_token is not None
        users.insert_one({"_id": 1, "name": "Ada"})
        users.update_one({"_id": 1}, {"$set": {"name": "Grace"}})
        users.replace_one({"_id": 1}, {"x": 1})
        users.delete_one({"_id": 1})
        main["other"].insert_one({"_id": 1})
        inserted, updated, replaced, deleted = drain(stream)
    assert kinds([inserted, updated, replaced, deleted]) == [
        "insert",
        "update",
        "replace",
        "delete",
    ]
    assert inserted["ns"] == {"db": "shop", "coll": "users"}
    assert updated["fullDocument"] == {"_id": 1, "name": "Grace"}
    assert updated["fullDocumentBeforeChange"] == {"_id": 1, "name": "Ada"}
    assert updated["updateDescription"]["updatedFields"] == {"name": "Grace"}
    assert deleted["documentKey"] == {"_id": 1}
    assert not stream.alive
    with pytest.raises(StopIteration):
        next(stream)


def test_resuming_and_starting_in_the_past(shop):
    shop.projects.create("shop")
    main = shop.project("shop").branch("main")
    users = main["users"]
    for i in range(10):
        users.insert_one({"_id": i})
    with main.watch(start_at=0) as stream:
        changes = drain(stream)
    assert [change["documentKey"]["_id"] for change in changes] == list(range(10))
    for i, change in enumerate(changes):
        for options in (
            {"resume_after": change["_id"]},
            {"start_after": change["_id"]},
        ):
            with users.watch(**options) as stream:
                assert drain(stream) == changes[i + 1 :]
        with users.watch(start_at_operation_time=change["clusterTime"]) as stream:
            assert drain(stream) == changes[i:]
    lsn = main.lsn
    users.insert_one({"_id": 10})
    for at in (lsn, str(lsn), -1):
        with main.watch(start_at=at) as stream:
            assert [change["documentKey"]["_id"] for change in drain(stream)] == [10]
    with main.watch(start_at=dt.datetime(2001, 1, 1), batch_size=2) as stream:
        assert len(drain(stream)) == 11
    with main.watch([{"$match": {"fullDocument._id": {"$gte": 9}}}], start_at=0) as stream:
        assert len(drain(stream)) == 2
    with pytest.raises(argon.MomentNotFound):
        main.watch(start_at=lsn + 1000)
    with pytest.raises(argon.InvalidRequest):
        main.watch(resume_after={"_data": "8264"})
    with pytest.raises(argon.InvalidRequest):
        main.watch([{"$group": {"_id": 1}}])
    with pytest.raises(TypeError):
        main.watch({"$match": {}})


def test_projects_and_the_store(shop):
    project = shop.projects.create("shop")
    main = project.branch("main")
    with project.watch() as of_project, shop.watch() as of_store:
        main["users"].insert_one({"_id": 1})
        exp = project.branches.create("exp", from_branch="main")
        exp["users"].update_one({"_id": 1}, {"$inc": {"n": 1}})
        shop.project("other")["things"].insert_one({"_id": 2})
        project.branches.merge("exp", "main")
        databases = [change["ns"]["db"] for change in drain(of_project)]
        assert databases == ["shop", "shop~exp", "shop"]
        assert [change["ns"]["db"] for change in drain(of_store)] == [
            "shop", "shop~exp", "other", "shop",
        ]  # fmt: skip


def test_invalidate_ends_the_stream(shop):
    project = shop.projects.create("shop")
    users = project["users"]
    users.insert_one({"_id": 1})
    with users.watch() as stream:
        users.drop()
        assert kinds(stream) == ["drop", "invalidate"]
        assert not stream.alive
        token = stream.resume_token
    with pytest.raises(argon.InvalidRequest):
        users.watch(resume_after=token)
    users.insert_one({"_id": 2})
    with users.watch(start_after=token) as stream:
        assert kinds(drain(stream)) == ["insert"]


def test_waiting_in_a_thread(shop):
    project = shop.projects.create("shop")
    users = project["users"]
    stream = users.watch()
    seen = []

    def follow():
        for change in stream:
            seen.append(change["documentKey"]["_id"])
            if len(seen) == 100:
                return

    follower = threading.Thread(target=follow)
    follower.start()
    for i in range(100):
        users.insert_one({"_id": i})
    follower.join(30)
    assert seen == list(range(100))
    stream.close()


def test_a_lost_cursor_is_opened_again(shop):
    users = shop.projects.create("shop")["users"]
    users.insert_one({"_id": 0})
    stream = users.watch(start_at=0, batch_size=1)
    assert next(stream)["documentKey"] == {"_id": 0}
    main = shop.project("shop").branch("main")
    killed = main.command({"killCursors": "users", "cursors": [bson.Int64(stream._id)]})
    assert killed["cursorsKilled"]
    users.insert_one({"_id": 1})
    assert next(stream)["documentKey"] == {"_id": 1}
    stream.close()


def test_history_that_is_gone_has_its_class():
    assert error_class(286, "notFound") is argon.HistoryRemoved


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
def test_ctrl_c_ends_the_wait(tmp_path):
    script = textwrap.dedent(
        """
        import sys, time, argon
        client = argon.Client(sys.argv[1], project="shop")
        users = client.projects.create("shop")["users"]
        stream = users.watch()
        try:
            print("waiting", flush=True)
            next(stream)
        except KeyboardInterrupt:
            print("stopped", time.time(), flush=True)
        users.insert_one({"_id": 1})
        print(next(stream)["documentKey"], flush=True)
        """
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "store")],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ,
    ) as child:
        assert child.stdout.readline() == "waiting\n"
        began = time.time()
        child.send_signal(signal.SIGINT)
        word, stopped = child.stdout.readline().split()
        assert word == "stopped"
        print(f"stopped after {float(stopped) - began:.3f} s")
        assert child.stdout.readline() == "{'_id': 1}\n", "nothing was lost"
    assert child.returncode == 0


@pytest.mark.skipif(sys.platform == "win32", reason="kills a process")
def test_a_stream_outlives_the_host_of_the_store(tmp_path):
    path = str(tmp_path / "store")
    script = textwrap.dedent(
        """
        import itertools, sys, argon
        client = argon.Client(sys.argv[1], project="shop")
        users = client.projects.create("shop")["users"]
        print("up", flush=True)
        for i in itertools.count():
            users.insert_one({"_id": i})
        """
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, path], stdout=subprocess.PIPE, text=True, env=os.environ
    ) as host:
        assert host.stdout.readline() == "up\n"
        with argon.Client(path, project="shop") as client:
            users = client.project("shop")["users"]
            stream = client.project("shop").branch("main").watch(start_at=0)
            seen = [next(stream)["documentKey"]["_id"] for _ in range(100)]
            host.kill()
            host.wait()
            users.insert_one({"_id": "last"})
            while seen[-1] != "last":
                seen.append(next(stream)["documentKey"]["_id"])
            assert seen == [*range(len(seen) - 1), "last"], "each once, in order, none lost"
            assert users.count_documents({}) == len(seen)
            stream.close()
