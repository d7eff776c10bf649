"""The long tests, each part for as long as it is told: `make soak SOAK=10m`.

A part is a package's random tests, begun again with other seeds until its time is
over, or a fault test of the mirror, which goes on for as long itself. The seed of a
round that fails is in its output: RAPID_SEED=… runs it again.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time

PARTS = [
    ("./core/mirror", "TestKilledAndCut"),
    ("./core/mirror", "TestStepDown"),
    ("./core/mirror", "TestKilledWhileItCopies|TestCopyThroughElections"),
    ("./core/mirror", "TestPolledWhileItChanges"),
    ("./core/mirror", "TestDeltaProperty"),
    ("./core/engine", "TestMetamorphic|TestAKilledProcessLosesNothingAcknowledged"),
    ("./core/mvcc", "TestMetamorphic"),
    ("./core/attach", "TestRandomClientsOfOneStore|TestThreeProcessesThroughKillsOfTheHost"),
    ("./core/expr", "TestRandomExpressions"),
    ("./core/query", "TestRandomFiltersAgreeWithMongod"),
    ("./core/update", "TestRandom.*"),
    ("./core/pipeline", "TestRandomPipelinesAreMongods"),
    ("./core/index", "TestPlansAreSound"),
]

SECONDS = {"s": 1, "m": 60, "h": 3600}


def seconds(text: str) -> float:
    """Read a duration, as 30s, 10m or 2h."""
    found = re.fullmatch(r"(\d+)([smh])", text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration, as 30s, 10m or 2h")
    return int(found[1]) * SECONDS[found[2]]


def run(package: str, tests: str, long: float) -> bool:
    """Run a part, and tell whether all of its rounds passed."""
    began, rounds = time.monotonic(), 0
    while (left := long - (time.monotonic() - began)) > 0 or rounds == 0:
        command = ["go", "test", "-count=1", "-v", "-timeout=24h", f"-run=^({tests})$", package]
        env = {"RAPID_SEED": "0", "RAPID_CHECKS": "300", **os.environ}
        env["SOAK"] = f"{int(max(left, 1))}s"
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        if done.returncode:
            print(done.stdout[-20_000:], done.stderr[-5_000:])
            print(f"FAILED {package} {tests}, round {rounds + 1}", flush=True)
            return False
        rounds += 1
        for line in re.findall(r"_test\.go:\d+: (.*(?:compared|seed=|SEED=).*)", done.stdout):
            print("   ", line, flush=True)
    took = time.monotonic() - began
    print(f"ok {package} {tests}: {rounds} rounds in {took:.0f} s", flush=True)
    return True


def main() -> None:
    """Run the parts that are asked for, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--for", dest="long", type=seconds, default="10m", help="the time of a part"
    )
    parser.add_argument("parts", nargs="*", help="words of the parts to run; all if none")
    args = parser.parse_args()
    chosen = [p for p in PARTS if not args.parts or any(w in " ".join(p) for w in args.parts)]
    if not chosen:
        sys.exit(f"no part has any of {args.parts}")
    failed = [part for part in chosen if not run(*part, args.long)]
    sys.exit(f"{len(failed)} parts failed" if failed else 0)


if __name__ == "__main__":
    main()
