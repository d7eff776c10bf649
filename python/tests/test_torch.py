"""A notebook, a script with a DataLoader of four workers and the command line share a
store through a kill of the host. It needs PyTorch: make test-torch."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import argon
from argon import _ffi

from .conftest import ROOT
from .test_processes import KERNEL, end, line, start_python

pytest.importorskip("torch")

SCRIPT = """
import sys
import argon
from torch.utils.data import DataLoader, Dataset, IterableDataset, get_worker_info

class Rows(Dataset):
    '''Each worker reads rows one by one, and counts that it did.'''
    def __init__(self, collection):
        self.collection = collection
    def __len__(self):
        return self.collection.count_documents({})
    def __getitem__(self, i):
        row = self.collection.find_one_and_update({"_id": i}, {"$inc": {"read": 1}})
        return row["_id"]

class Stream(IterableDataset):
    '''Each worker reads its part of the collection as a stream.'''
    def __init__(self, collection):
        self.collection = collection
    def __iter__(self):
        worker = get_worker_info()
        query = {"$expr": {"$eq": [{"$mod": ["$_id", worker.num_workers]}, worker.id]}}
        for row in self.collection.find(query).sort("_id", 1):
            yield row["_id"]

def main():
    store, method, persistent = sys.argv[1:]
    client = argon.Client(store, project="shop", actor="script")
    users = client.data.get_collection("users")
    steps = client.data.get_collection("steps")
    options = dict(num_workers=4, batch_size=5, multiprocessing_context=method)
    rows = DataLoader(Rows(users), shuffle=True, persistent_workers=persistent == "True", **options)
    for epoch in range(2):
        seen = []
        for n, batch in enumerate(rows):
            seen += batch.tolist()
            steps.insert_one({"_id": f"{epoch}-{n}", "rows": batch.tolist()})
            if (epoch, n) == (0, 10):
                print("halfway", flush=True)
                sys.stdin.readline()
        assert sorted(seen) == list(range(100)), seen
    streamed = [i for batch in DataLoader(Stream(users), **options) for i in batch.tolist()]
    assert sorted(streamed) == list(range(100)), streamed
    print("trained", steps.count_documents({}), flush=True)

if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_data_loader_through_a_kill_of_the_host(
    tmp_path: Path, method: str, persistent: bool
) -> None:
    store, path = str(tmp_path / "s"), tmp_path / "train.py"
    path.write_text(SCRIPT)
    kernel = start_python(KERNEL, store)
    assert line(kernel) == "ready True"
    env = {**os.environ, "ARGON_LIBRARY": str(_ffi.library_path())}
    env["PYTHONPATH"] = os.pathsep.join([str(ROOT / "python"), env.get("PYTHONPATH", "")])
    script = subprocess.Popen(
        [sys.executable, str(path), store, method, str(persistent)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env,
    )  # fmt: skip
    assert line(script) == "halfway"
    assert script.stdin is not None
    script.stdin.write("go on\n")
    script.stdin.flush()
    end(kernel)
    cli = shutil.which("argon")
    assert cli is not None, "no argon on the PATH: make build"
    counted = subprocess.run(
        [cli, "run", '{count: "users"}', "-p", "shop", "--store", store],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert '"n": 100' in counted
    assert script.communicate(timeout=120)[0].split("\n")[0] == "trained 40"
    assert script.returncode == 0
    with argon.Client(store, project="shop") as client:
        users = client.data.get_collection("users")
        assert users.count_documents({"read": 2}) == 100, "each once an epoch, none twice"
        read = [i for step in client.data.get_collection("steps").find() for i in step["rows"]]
        assert sorted(read) == sorted([*range(100), *range(100)])
        assert client.fsck()["problems"] == []
