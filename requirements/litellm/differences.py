"""Two locks, and what one has in place of the other.

differences.py other DEV LOCK    the packages of LOCK that DEV does not have in that version
differences.py whole DEV OTHER   DEV with the packages of OTHER in place of its own
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from pathlib import Path

_COMMENT = re.compile(r"^ *#.*\n", re.MULTILINE)
_ENTRY = re.compile(r"^(([A-Za-z0-9._-]+)==.*?)( \\\n(?:    --hash=.*\n)+)", re.MULTILINE)

# By name: each entry, by its version and marker, for a package may have one a Python.
Packages = dict[str, dict[str, str]]


def packages(lock: Path) -> Packages:
    """All packages of a lock."""
    found: Packages = defaultdict(dict)
    for version, name, hashes in _ENTRY.findall(_COMMENT.sub("", lock.read_text("utf-8"))):
        found[name][version] = version + hashes
    return found


def main(what: str, dev: Path, other: Path) -> None:
    """Prints the entries, sorted by name."""
    ours, theirs = packages(dev), packages(other)
    if what == "other":
        chosen = {name: one for name, one in theirs.items() if one.keys() != ours.get(name, {}).keys()}
    else:
        chosen = ours | theirs
    sys.stdout.writelines(entry for _, entries in sorted(chosen.items()) for entry in entries.values())


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
