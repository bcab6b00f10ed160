"""Why `proxyllm run` stopped: one class and one exit code each.

    RunFailure
    ├── PortTaken (3)           another program listens on PORT or PORT+1
    ├── HomeUnusable (4)        PROXYLLM_HOME cannot be written
    ├── AlreadyRunning (5)      another `proxyllm run` uses this PROXYLLM_HOME
    ├── DatabaseUnusable (6)    the Postgres of DATABASE_URL, or our own, does not answer or rejects us
    ├── ProgramMissing (7)      a required program is not installed
    ├── ProcessFailed (8)       a process did not start
    └── ProcessDied (9)         a process ended unexpectedly

The message is one line that says what to do; `log_tail` holds the last lines of the process's log, if any.
"""

from __future__ import annotations


class RunFailure(Exception):
    """Base class of all expected failures of `proxyllm run`. Never raised itself."""

    exit_code = 1

    def __init__(self, message: str, log_tail: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.log_tail = log_tail


class PortTaken(RunFailure):
    """Another program listens on a port that we were told to use."""

    exit_code = 3


class HomeUnusable(RunFailure):
    """PROXYLLM_HOME cannot be created or written."""

    exit_code = 4


class AlreadyRunning(RunFailure):
    """A running `proxyllm run` holds the lock of this PROXYLLM_HOME."""

    exit_code = 5


class DatabaseUnusable(RunFailure):
    """The database does not answer, or rejects us."""

    exit_code = 6


class ProgramMissing(RunFailure):
    """A required program is not installed."""

    exit_code = 7


class ProcessFailed(RunFailure):
    """A process did not become ready."""

    exit_code = 8


class ProcessDied(RunFailure):
    """A process ended unexpectedly."""

    exit_code = 9
