"""`make mutation`: removes the guards of the money path one by one and checks that a test fails for each.

    python -m tests.mutation                      # all
    python -m tests.mutation --only commit_batch  # those whose name or file contains it

Works on a copy of the tree. Prints each mutant with what killed it; exit code 1 where one survived.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.mutation.mutant import Mutant
from tests.mutation.mutants import MUTANTS

ROOT = Path(__file__).parents[2]
LEFT_OUT = (".git", ".venv", ".proxyllm*", "__pycache__", "node_modules", ".*_cache", ".hypothesis", "docs")
TESTS_WITHIN_S = 300  # those of one mutant; a mutant that hangs them is killed
_FAILED = re.compile(r"^FAILED (\S+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a mutant. `killer`: the first test that failed; None for a survivor."""

    mutant: Mutant
    killer: str | None
    seconds: float
    output: str


def applied(mutant: Mutant, text: str) -> str:
    """The file's text with the mutant in it. Raises ValueError unless it fits exactly once."""
    times = text.count(mutant.old)
    if times != 1:
        raise ValueError(f"{mutant.name}: its text stands {times} times in {mutant.file}, not once")
    return text.replace(mutant.old, mutant.new)


def run_tests(tree: Path, tests: Iterable[str]) -> subprocess.CompletedProcess[str]:
    """The tests, in the copied tree and importing from it, until the first that fails."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *tests]
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        command,
        cwd=tree,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=TESTS_WITHIN_S,
    )


def judge(tree: Path, mutant: Mutant) -> Verdict:
    """Runs the mutant's tests with it in the tree, and takes it out again."""
    path = tree / mutant.file
    original = path.read_text("utf-8")
    began = time.monotonic()
    path.write_text(applied(mutant, original), "utf-8")
    try:
        outcome = run_tests(tree, mutant.tests)
        found = _FAILED.search(outcome.stdout)
        killer = found.group(1) if found else None
        output = outcome.stdout
    except subprocess.TimeoutExpired:
        killer, output = f"nothing ended within {TESTS_WITHIN_S} s", ""
    finally:
        path.write_text(original, "utf-8")
    return Verdict(mutant, killer, time.monotonic() - began, output)


def main() -> int:
    """Judges all mutants. Exit code 1 for a survivor, 2 where the tests fail without any mutant."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("--only", default="", help="mutants whose name or file contains this")
    parser.add_argument("--verbose", action="store_true", help="what the tests said about each survivor")
    arguments = parser.parse_args()
    wanted = [mutant for mutant in MUTANTS if arguments.only in f"{mutant.name} {mutant.file}"]
    if not wanted:
        parser.error(f"no mutant's name contains {arguments.only!r}")
    for mutant in wanted:  # before any of them takes its time
        applied(mutant, (ROOT / mutant.file).read_text("utf-8"))
    with tempfile.TemporaryDirectory(prefix="proxyllm-mutation-") as directory:
        tree = Path(directory) / "tree"
        shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(*LEFT_OUT), symlinks=True)
        whole = run_tests(tree, sorted({test for mutant in wanted for test in mutant.tests}))
        if whole.returncode != 0:
            say(f"the tests fail without any mutant:\n{whole.stdout[-4000:]}{whole.stderr[-2000:]}")
            return 2
        survivors = [mutant for mutant in wanted if not _is_killed(judge(tree, mutant), arguments.verbose)]
    say(f"{len(wanted) - len(survivors)} of {len(wanted)} mutants killed")
    return 1 if survivors else 0


def _is_killed(verdict: Verdict, is_verbose: bool) -> bool:
    if verdict.killer is not None:
        say(f"killed    {verdict.mutant.name} ({verdict.seconds:.0f} s, {verdict.killer})")
        return True
    say(f"SURVIVED  {verdict.mutant.name} ({verdict.seconds:.0f} s, {', '.join(verdict.mutant.tests)})")
    if is_verbose:
        say(verdict.output[-4000:])
    return False


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
