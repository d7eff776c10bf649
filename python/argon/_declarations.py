"""Reading ``argon.h``: used by this package and, without it, by setup.py."""

from __future__ import annotations

import re


def read_header(text: str) -> str:
    """Return the part of ``argon.h`` that cffi understands: no preprocessor."""
    text = re.sub(r"(?ms)^#ifdef __cplusplus$.*?^#endif$", "", text)
    keep = re.compile(r"#define \w+ \d+")
    lines = (line for line in text.splitlines() if not line.startswith("#") or keep.match(line))
    return "\n".join(lines)
