"""Branches: moments, history, diff, merge, restore, undo, tags, projects."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

import argon


def test_projects(client: argon.Client) -> None:
    shop = client.projects.create("shop")
    assert shop == client.project("shop") == client["shop"] == client.projects["shop"]
    with pytest.raises(argon.ProjectExists):
        client.projects.create("shop")
    client["other"]["things"].insert_one({"_id": 1})
    assert [p.name for p in client.projects.list()] == ["other", "shop"]
    client.projects.delete("other")
    with pytest.raises(argon.ProjectNotFound, match="other"):
        client["other"].branches.list()
    with pytest.raises(argon.ProjectNotFound):
        client.projects.delete("other")


def test_the_first_write_makes_the_project(tmp_path: Any) -> None:
    with argon.Client(tmp_path / "s") as client:
        users = client.data.get_collection("users")
        assert users.find_one({"_id": 1}) is None
        users.insert_one({"_id": 1})
        assert [p.name for p in client.projects.list()] == ["default"]
        assert client.branches.get("main")["users"].find_one(1) == {"_id": 1}
        assert client.project()["users"] == users


def test_branches_are_isolated(client: argon.Client, main: argon.Branch) -> None:
    main["users"].insert_many([{"_id": i, "n": 0} for i in range(10)])
    exp = client.branches.create("exp")
    exp["users"].update_many({}, {"$set": {"n": 1}})
    main["users"].delete_one({"_id": 3})
    assert exp["users"].count_documents({"n": 1}) == 10
    assert main["users"].count_documents({"n": 0}) == 9
    info = exp.info
    assert (info.name, info.project, info.parent) == ("exp", "shop", "main")
    assert info.head_lsn == exp.lsn > info.fork_lsn
    names = [b.name for b in client.branches.list()]
    assert names == ["exp", "main"]
    client.branches.delete("exp")
    with pytest.raises(argon.BranchNotFound):
        exp["users"].find_one({"_id": 1})


def test_moments(client: argon.Client, main: argon.Branch) -> None:
    users = main["users"]
    lsns, times = [], []
    for n in range(5):
        users.update_one({"_id": 1}, {"$set": {"n": n}}, upsert=True)
        lsns.append(main.lsn)
        times.append(main.log(limit=1)[0].time)
    client.tags.create("v1", at=lsns[1])

    def value(moment: Any) -> Any:
        return main.at(moment)["users"].find_one({"_id": 1})["n"]

    assert [value(lsn) for lsn in lsns] == [0, 1, 2, 3, 4]
    assert [value(str(lsn)) for lsn in lsns] == [0, 1, 2, 3, 4]
    assert [value(-n) for n in range(1, 4)] == [3, 2, 1]
    assert value("v1") == 1
    last = max(n for n, t in enumerate(times) if t == times[2])
    assert value(times[2]) == last
    assert value(times[2].replace(tzinfo=dt.timezone.utc)) == last
    assert value(times[2].isoformat() + "Z") == last
    east = dt.timezone(dt.timedelta(hours=5))
    assert value(times[2].replace(tzinfo=dt.timezone.utc).astimezone(east)) == last
    for wrong in (True, 1.5, None, object()):
        with pytest.raises(TypeError):
            main.at(wrong)  # type: ignore[arg-type]
    with pytest.raises(argon.ArgonError):
        main.at("no such tag")
    with pytest.raises(argon.MomentNotFound):
        main.at(-1000)


def test_a_moment_stays_what_it_is(main: argon.Branch) -> None:
    users = main["users"]
    users.insert_one({"_id": 1})
    before = main.at(main.lsn)
    back = main.at(-0 or main.lsn)
    users.insert_one({"_id": 2})
    assert before["users"].count_documents({}) == back["users"].count_documents({}) == 1
    assert before.pinned
    assert not main.pinned
    assert before.at(before.lsn) == before
    for write in (
        lambda c: c.insert_one({"_id": 3}),
        lambda c: c.update_many({}, {"$set": {"a": 1}}),
        lambda c: c.delete_one({"_id": 1}),
        lambda c: c.create_index("a"),
        lambda c: c.drop(),
    ):
        with pytest.raises(argon.ReadOnly):
            write(before["users"])


def test_branch_of_a_moment(client: argon.Client, main: argon.Branch) -> None:
    users = main["users"]
    for n in range(3):
        users.insert_one({"_id": n})
    second = main.log()[1].lsn
    assert client.branches.create("a", at=second)["users"].count_documents({}) == 2
    assert client.branches.create("b", from_branch=main.at(-1))["users"].count_documents({}) == 2
    assert client.branches.create("c", f"main@{second}")["users"].count_documents({}) == 2


def test_log(client: argon.Client, main: argon.Branch) -> None:
    with main.as_actor("etl", message="nightly load") as b:
        b["users"].insert_many([{"_id": n} for n in range(20)])
    main["users"].update_one({"_id": 1}, {"$set": {"a.b": 1}})
    log = main.log()
    assert [c.lsn for c in log] == sorted((c.lsn for c in log), reverse=True)
    update, insert = log[0], log[1]
    assert (insert.actor, insert.message) == ("etl", "nightly load")
    assert insert.counts["insert"] == 20
    assert len(insert.ops) == 10
    assert update.actor == "tester"
    assert update.ops == (argon.Op("users", "update", 1, ("a.b",)),)
    assert [c.lsn for c in main.log(actor="etl")] == [insert.lsn]
    assert [c.lsn for c in main.log(limit=1, skip=1)] == [insert.lsn]
    assert len(main.log(limit=0)) == len(log)
    assert main.log(collection="nothing") == []
    assert main.log(since=update.time + dt.timedelta(hours=1)) == []
    assert main.at(insert.lsn).log(limit=1)[0].lsn == insert.lsn
    frame = log.to_pandas()
    assert list(frame["lsn"]) == [c.lsn for c in log]
    assert "nightly load" in log._repr_html_()


def test_history_and_blame(main: argon.Branch) -> None:
    users = main["users"]
    users.insert_one({"_id": 7, "name": "Ada", "at": {"city": "London"}})
    with main.as_actor("etl") as b:
        b["users"].update_one({"_id": 7}, {"$set": {"at.city": "Paris"}})
    users.delete_one({"_id": 7})
    history = main.history("users", 7)
    assert [v.op for v in history] == ["insert", "update", "delete"]
    assert [v.actor for v in history] == ["tester", "etl", "tester"]
    assert history[1].document == {"_id": 7, "name": "Ada", "at": {"city": "Paris"}}
    assert history[2].document is None
    assert main.history("users", "nobody") == []
    blame = main.at(history[1].lsn).blame("users", 7)
    assert {line.path: line.actor for line in blame} == {
        "_id": "tester",
        "name": "tester",
        "at.city": "etl",
    }
    assert blame("at.city").value == "Paris"
    assert blame("at.city").lsn == history[1].lsn
    with pytest.raises(KeyError):
        blame("nothing")


def test_diff(client: argon.Client, main: argon.Branch) -> None:
    main["users"].insert_many([{"_id": n, "n": n} for n in range(4)])
    exp = client.branches.create("exp")
    assert not exp.diff("main")
    exp["users"].update_one({"_id": 1}, {"$set": {"n": 10, "new": None}})
    exp["users"].delete_one({"_id": 2})
    exp["users"].insert_one({"_id": 9})
    exp["other"].insert_one({"_id": 1})
    diff = exp.diff("main")
    assert diff
    entries = {(e.collection, e.id): e for e in diff if e.collection in ("users", "other")}
    update = entries["users", 1]
    assert update.op == "update"
    assert {c.path: (c.before, c.after) for c in update.changes} == {
        "n": (1, 10),
        "new": (argon.MISSING, None),
    }
    assert (entries["users", 2].op, entries["users", 2].before) == ("delete", {"_id": 2, "n": 2})
    assert (entries["users", 9].op, entries["users", 9].after) == ("insert", {"_id": 9})
    assert {e.collection for e in exp.diff(main, collection="other")} == {"other"}
    assert len(exp.diff("main", limit=1).to_list()) == 1
    back = {(e.collection, e.id): e.op for e in main.diff(exp, collection="users")}
    assert back == {("users", 1): "update", ("users", 2): "insert", ("users", 9): "delete"}
    frame = diff.to_pandas()
    assert set(frame["op"]) == {e.op for e in diff} > {"insert", "update", "delete"}
    assert len(frame) == len(diff.to_list())
    assert "delete" in diff._repr_html_()


def test_merge_keeps_increments_of_both_sides(client: argon.Client, main: argon.Branch) -> None:
    main["stock"].insert_one({"_id": 1, "n": 10})
    exp = client.branches.create("exp")
    exp["stock"].update_one({"_id": 1}, {"$inc": {"n": 5}})
    main["stock"].update_one({"_id": 1}, {"$inc": {"n": -3}})
    result = client.branches.merge("exp", "main", message="both")
    assert result.merged
    assert main["stock"].find_one(1) == {"_id": 1, "n": 12}
    commit = main.log(limit=1)[0]
    assert (commit.lsn, commit.kind, commit.message) == (result.lsn, "merge", "both")
    assert commit.merge is not None
    again = exp.merge("main")
    assert again.up_to_date
    assert not again.merged


def conflicted(client: argon.Client, main: argon.Branch) -> argon.Branch:
    main["users"].insert_many([{"_id": 1, "a": 0, "b": 0}, {"_id": 2, "a": 0}])
    exp = client.branches.create("exp")
    exp["users"].update_one({"_id": 1}, {"$set": {"a": "theirs", "b": "theirs"}})
    exp["users"].delete_one({"_id": 2})
    main["users"].update_one({"_id": 1}, {"$set": {"a": "ours", "b": "ours"}})
    main["users"].update_one({"_id": 2}, {"$set": {"a": "ours"}})
    return exp


def test_a_conflict_is_never_silent(client: argon.Client, main: argon.Branch) -> None:
    exp = conflicted(client, main)
    before = main.lsn
    with pytest.raises(argon.MergeConflict) as caught:
        exp.merge("main")
    assert len(caught.value.conflicts) == 3
    assert main.lsn == before
    plan = exp.merge_plan("main")
    with pytest.raises(argon.MergeConflict):
        plan.apply()
    assert len(plan.conflicts) == len(plan.unresolved) == 3
    first = next(c for c in plan.conflicts if c.path == "a")
    assert (first.base, first.ours, first.theirs) == (0, "ours", "theirs")
    deleted = next(c for c in plan.conflicts if c.id == 2)
    assert deleted.theirs is argon.MISSING
    assert "theirs" in plan._repr_html_()


def test_resolving_one_by_one(client: argon.Client, main: argon.Branch) -> None:
    plan = conflicted(client, main).merge_plan("main")
    plan.resolve("theirs", path="a", id=1)
    plan.resolve(lambda c: f"{c.ours}+{c.theirs}", path="b")
    plan.resolve("ours", id=2)
    assert plan.unresolved == []
    assert plan.apply(message="settled").merged
    assert main["users"].find().to_list() == [
        {"_id": 1, "a": "theirs", "b": "ours+theirs"},
        {"_id": 2, "a": "ours"},
    ]
    assert main.log(limit=1)[0].message == "settled"


def test_resolving_all(client: argon.Client, main: argon.Branch) -> None:
    exp = conflicted(client, main)
    mine = client.branches.create("mine", "main")
    assert exp.merge_plan(mine).resolve("ours").apply().merged
    assert mine.diff("main", collection="users").to_list() == []
    assert exp.merge("main", strategy="theirs").merged
    assert main.diff(exp, collection="users").to_list() == []


def test_wrong_resolutions(client: argon.Client, main: argon.Branch) -> None:
    plan = conflicted(client, main).merge_plan("main")
    with pytest.raises(ValueError, match="nobody"):
        plan.resolve("nobody")  # type: ignore[arg-type]
    with pytest.raises(KeyError):
        plan.resolve("ours", path="nothing")
    with pytest.raises(TypeError):
        plan.conflicts[0].resolve("ours", value=1)
    with pytest.raises(TypeError):
        plan.conflicts[0].resolve()


def test_a_plan_knows_when_it_is_stale(client: argon.Client, main: argon.Branch) -> None:
    exp = conflicted(client, main)
    plan = exp.merge_plan("main").resolve("theirs")
    main["users"].insert_one({"_id": 3})
    with pytest.raises(argon.PlanStale):
        plan.apply()
    assert exp.merge_plan("main").resolve("theirs").apply().merged


def test_restore(main: argon.Branch) -> None:
    users = main["users"]
    users.insert_one({"_id": 1, "n": 1})
    good = main.lsn
    users.delete_many({})
    users.insert_one({"_id": 2})
    done = main.restore(good)
    assert users.find().to_list() == [{"_id": 1, "n": 1}]
    assert (done.to_lsn, done.from_lsn > good) == (good, True)
    main.restore(done.from_lsn)
    assert users.find().to_list() == [{"_id": 2}]
    with pytest.raises(argon.ArgonError):
        main.restore(10**9)


def test_undo_by_actor_and_by_lsn(main: argon.Branch) -> None:
    users = main["users"]
    users.insert_many([{"_id": n, "n": 10, "tag": "x"} for n in range(3)])
    with main.as_actor("etl") as b:
        b["users"].update_many({}, {"$inc": {"n": 5}})
        b["users"].update_one({"_id": 0}, {"$set": {"tag": "etl"}})
    users.update_one({"_id": 1}, {"$inc": {"n": 100}})
    plan = main.undo_plan(actor="etl")
    assert plan.commits == 2
    assert users.find_one(0)["n"] == 15, "a plan writes nothing"
    result = main.undo(actor="etl", message="bad load")
    assert result.undone
    assert [d["n"] for d in users.find()] == [10, 110, 10]
    assert users.find_one(0)["tag"] == "x"
    assert main.log(limit=1)[0].message == "bad load"
    users.delete_one({"_id": 2})
    assert main.undo(main.lsn).undone
    assert users.find_one(2) is not None


def test_undo_plan_with_conflicts(main: argon.Branch) -> None:
    users = main["users"]
    users.insert_one({"_id": 1, "a": 0})
    users.update_one({"_id": 1}, {"$set": {"a": 1}})
    bad = main.lsn
    users.update_one({"_id": 1}, {"$set": {"a": 2}})
    with pytest.raises(argon.MergeConflict):
        main.undo(bad)
    plan = main.undo_plan(bad)
    assert [c.path for c in plan.conflicts] == ["a"]
    assert plan.resolve("ours").apply().commits == 1
    assert users.find_one(1)["a"] == 2


def test_tags(client: argon.Client, main: argon.Branch) -> None:
    main["users"].insert_one({"_id": 0})
    main["users"].insert_one({"_id": 1})
    tag = client.tags.create("v1")
    assert (tag.name, tag.branch, tag.lsn) == ("v1", "main", main.lsn)
    assert client.tags.create("v0", main.at(-1)).lsn < tag.lsn
    assert [t.name for t in client.tags.list()] == ["v0", "v1"]
    with pytest.raises(argon.TagExists):
        client.tags.create("v1")
    client.tags.delete("v1")
    with pytest.raises(argon.TagNotFound):
        client.tags.delete("v1")


def test_transactions(main: argon.Branch) -> None:
    users = main["users"]
    users.insert_one({"_id": 1, "n": 0})
    before = main.lsn
    with main.transaction() as txn:
        txn["users"].update_one({"_id": 1}, {"$inc": {"n": 1}})
        txn["orders"].insert_one({"_id": 1})
        users.insert_one({"_id": 2}, session=txn)
        assert txn["users"].find_one(1)["n"] == 1
        assert users.find_one(1)["n"] == 0
        assert txn["users"].count_documents({}) == 2
    assert users.find_one(1)["n"] == 1
    assert users.find_one(2) == {"_id": 2}
    assert main.lsn == txn.lsn
    assert len(main.log(limit=0)) == len(main.at(before).log(limit=0)) + 1
    assert not txn.in_transaction
    with pytest.raises(argon.InvalidOperation):
        txn["users"].find_one(1)


def test_an_exception_aborts(main: argon.Branch) -> None:
    users = main["users"]
    users.insert_one({"_id": 1})
    before = main.lsn
    with pytest.raises(ZeroDivisionError), main.transaction() as txn:
        txn["users"].insert_one({"_id": 2})
        raise ZeroDivisionError
    assert main.lsn == before
    assert users.find_one(2) is None
    with main.transaction() as empty:
        pass
    assert empty.lsn is None
    txn = main.transaction()
    txn["users"].insert_one({"_id": 3})
    txn.abort()
    with pytest.raises(argon.InvalidOperation):
        txn.commit()
    assert users.find_one(3) is None


def test_slow_reads_in_a_transaction(main: argon.Branch) -> None:
    """A read that takes longer than its budget must not end the transaction."""
    users = main["users"]
    users.insert_many([{"_id": i, "n": 0} for i in range(2000)])
    slow = {"$expr": {"$gte": [{"$sum": {"$range": ["$n", 1000]}}, 0]}}
    with main.transaction() as txn:
        txn["users"].insert_one({"_id": "new", "n": 5})
        assert len(list(txn["users"].find({**slow, "n": 0}))) == 2000
        assert txn["users"].find_one({**slow, "n": 1}) is None
        assert txn["users"].count_documents({**slow, "n": 0}) == 2000
        assert len(txn["users"].distinct("n", slow)) == 2
        assert txn["users"].find({"n": 0}).to_arrow().num_rows == 2000
    assert users.find_one("new") == {"_id": "new", "n": 5}


def test_write_conflicts(main: argon.Branch) -> None:
    users = main["users"]
    users.insert_one({"_id": 1, "n": 0})
    with pytest.raises(argon.WriteConflict) as caught, main.transaction() as txn:
        txn["users"].find_one(1)
        users.update_one({"_id": 1}, {"$set": {"n": 5}})
        txn["users"].update_one({"_id": 1}, {"$set": {"n": 6}})
    assert caught.value.has_error_label("TransientTransactionError")
    assert users.find_one(1)["n"] == 5


def test_a_transaction_is_on_one_branch(client: argon.Client, main: argon.Branch) -> None:
    exp = client.branches.create("exp")
    txn = main.transaction()
    with pytest.raises(argon.InvalidOperation, match="exp"):
        exp["users"].insert_one({"_id": 1}, session=txn)


def test_collections_of_a_branch(main: argon.Branch) -> None:
    created = main.create_collection("checked", validator={"n": {"$gt": 0}})
    with pytest.raises(argon.WriteError) as caught:
        created.insert_one({"n": -1})
    assert caught.value.code == 121
    assert created.options() == {"validator": {"n": {"$gt": 0}}}
    main["users"].insert_one({})
    assert sorted(main.list_collection_names()) == ["checked", "users"]
    assert main.list_collection_names({"name": "users"}) == ["users"]
    main.drop_collection("users")
    assert main.list_collection_names() == ["checked"]
    assert main.command("ping")["ok"] == 1
    with pytest.raises(argon.NotSupported):
        main.command("noSuchCommand")


def test_the_store_as_a_whole(client: argon.Client, main: argon.Branch) -> None:
    main["users"].insert_one({"_id": 1})
    status = client.status()
    assert status["lsn"] == main.lsn
    assert client.metrics()["ok"] == 1
    assert client.gc()["ok"] == 1
    client.compact()
    project = client.project()
    assert project.retention() is None
    project.set_retention("30d")
    assert project.retention() == "30d"
    project.set_retention(None)
    assert project.retention() is None


def test_what_jupyter_shows(client: argon.Client, main: argon.Branch) -> None:
    main["users"].insert_one({"_id": "<b>"})
    for shown in (client, client.project(), main, client.branches, client.tags, client.projects):
        assert "<table>" in shown._repr_html_() or "empty" in shown._repr_html_()
    assert "&lt;b&gt;" in main["users"].find()._repr_html_()
    assert "&lt;b&gt;" in main["users"].aggregate([])._repr_html_()
    for facts in (client.status(), client.metrics(), client.gc(), client.fsck()):
        assert "<table>" in facts._repr_html_()


def test_what_jupyter_shows_of_a_collection(main: argon.Branch) -> None:
    main["users"].insert_many([{"_id": "<b>", "n": 1}, {"_id": 2, "n": 2}])
    main["users"].create_index("n")
    shown = main["users"]._repr_html_()
    assert "_id_, n_1" in shown and "&lt;b&gt;" in shown and "<b>&" not in shown
    assert "empty" in main["nothing"]._repr_html_()
    main.command("create", "seen", viewOn="users", pipeline=[{"$match": {"n": 2}}])
    assert "view on" in main["seen"]._repr_html_()


def test_what_jupyter_shows_is_bounded(main: argon.Branch) -> None:
    main["wide"].insert_many(
        {"_id": i, **{f"f{n}": "x" * 999 for n in range(500)}} for i in range(50)
    )
    shown = main["wide"].find()._repr_html_()
    assert "40 of 501 columns" in shown
    assert len(shown) < 200_000
