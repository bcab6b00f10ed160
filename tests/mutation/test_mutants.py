"""Each mutant fits the code as it is now; `make mutation` then runs their tests."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.mutation.__main__ import ROOT, applied, judge
from tests.mutation.mutant import Mutant
from tests.mutation.mutants import MUTANTS


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_changes_its_file_and_names_tests_that_exist(mutant: Mutant) -> None:
    text = (ROOT / mutant.file).read_text("utf-8")
    assert applied(mutant, text) != text
    assert mutant.tests
    for test in mutant.tests:
        file, *names = test.partition("[")[0].split("::")
        assert (ROOT / file).exists()
        assert all(f" {name}" in (ROOT / file).read_text("utf-8") for name in names), test


def test_no_two_have_one_name() -> None:
    assert max(Counter(mutant.name for mutant in MUTANTS).values()) == 1


class TestJudging:
    @pytest.fixture
    def tree(self, tmp_path: Path) -> Path:
        (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\npythonpath = ['.']\n")
        (tmp_path / "guarded.py").write_text("def sign(n):\n    return n > 0 or n == 0\n")
        (tmp_path / "test_guarded.py").write_text(
            "from guarded import sign\n\ndef test_sign():\n    assert not sign(-1)\n    assert sign(1)\n"
        )
        return tmp_path

    def test_one_that_a_test_notices_is_killed(self, tree: Path) -> None:
        verdict = judge(tree, Mutant("m", "guarded.py", "n > 0", "n < 0", ("test_guarded.py",)))
        assert verdict.killer == "test_guarded.py::test_sign"

    def test_one_that_none_notices_survives_and_is_taken_out(self, tree: Path) -> None:
        verdict = judge(tree, Mutant("m", "guarded.py", "n == 0", "n == 7", ("test_guarded.py",)))
        assert verdict.killer is None
        assert "n == 0" in (tree / "guarded.py").read_text()

    def test_one_that_is_no_program_is_not_killed_by_a_test(self, tree: Path) -> None:
        verdict = judge(tree, Mutant("m", "guarded.py", "n == 0", "n ==", ("test_guarded.py",)))
        assert verdict.killer is None

    def test_one_that_does_not_fit_is_refused(self, tree: Path) -> None:
        with pytest.raises(ValueError, match="stands 0 times"):
            judge(tree, Mutant("m", "guarded.py", "n >= 0", "n", ("test_guarded.py",)))


def test_a_name_that_no_mutant_has_is_no_success() -> None:
    command = [sys.executable, "-m", "tests.mutation", "--only", "no such mutant"]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode == 2
