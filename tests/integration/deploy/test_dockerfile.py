"""What Dockerfile.railway takes from elsewhere is what somebody has looked at, byte for byte."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DOCKERFILE = (ROOT / "Dockerfile.railway").read_text("utf-8").replace("\\\n", " ")
FETCHES = re.compile(r"pip (install|sync)|\b(apt|apt-get|apk|npm|npx|curl|wget|git|go) ")
PACKAGE = re.compile(r"^[a-z0-9][^ ]*==.*(?:\n +--hash.*)*", re.MULTILINE)
DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")


def lines(instruction: str) -> list[str]:
    return re.findall(rf"^{instruction} +(.+)$", DOCKERFILE, re.MULTILINE)


def test_each_base_is_named_by_its_digest() -> None:
    images = dict(line.split("=", 1) for line in lines("ARG") if "_IMAGE=" in line)
    stages = [line.split() for line in lines("FROM")]
    names = {words[-1] for words in stages if "AS" in words}
    assert images
    assert {name for name, image in images.items() if not DIGEST.search(image)} == set()
    assert {words[0] for words in stages} == {f"${{{name}}}" for name in images}
    assert set(re.findall(r"--from=(\S+)", DOCKERFILE)) == names


def test_every_package_is_checked_by_its_hash_and_nothing_else_is_fetched() -> None:
    commands = [part.strip() for line in lines("RUN") for part in line.split("&&")]
    *of_locks, ours = [part for part in commands if FETCHES.search(part)]
    assert len(of_locks) == 2
    assert [part for part in of_locks if "--require-hashes" not in part] == []
    assert ours.endswith("--no-deps -b requirements/build.txt -e .")
    assert lines("ADD") == []


@pytest.mark.parametrize("lock", ["bootstrap.txt", "image.txt"])
def test_every_line_of_a_lock_has_hashes(lock: str) -> None:
    packages = re.findall(PACKAGE, (ROOT / "requirements" / lock).read_text("utf-8"))
    assert packages
    assert [package for package in packages if "--hash=sha256:" not in package] == []
