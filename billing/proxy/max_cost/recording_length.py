"""Measures the length of a recording by decoding it, whatever its header says (ADR 0018).

LiteLLM measures by the header, which the sender writes; a provider plays the data and bills that. A process
with limits decodes each file, `recording_worker.py`, since FFmpeg is given what anybody uploads.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, Field, ValidationError

from billing.errors import BadRequest, Unavailable
from billing.proxy.max_cost import recording_worker

LENGTH_MAX_S = 12 * 3600
CPU_MAX_S = 30  # eight hours of Opus, more of everything else
WAIT_MAX_S = 120  # of one process on a busy machine
WAITING_MAX = 32
WORKERS = max(1, (os.cpu_count() or 1) - 1)  # the event loop and Postgres keep a core
_REPORT_BYTES = 2_000
_WORKER = Path(recording_worker.__file__)
_FORMATS = "FLAC, MP3, M4A, MP4, Ogg, Opus, WAV, WebM, AAC, AIFF, AMR or CAF"
_REASONS = {
    "format": f"The format of this recording is not supported. Send {_FORMATS}.",
    "codec": "The length of this recording cannot be measured: its codec {name} is not supported.",
    "damaged": "The length of this recording cannot be measured: it is damaged, or has no sound.",
    "hidden": "The length of this recording cannot be measured: most of the file is neither sound nor video.",
    "long": f"The recording is longer than {LENGTH_MAX_S // 3600} hours. Send it in parts.",
    "slow": "The recording takes too long to decode. Send it in shorter parts.",
}


@dataclass(frozen=True, slots=True)
class Length:
    """Of the longest audio stream, in seconds."""

    decoded_s: float
    longest_s: float  # by its timestamps or size, where that is more


class _Answer(BaseModel):
    """What a worker prints. A hostile file may have written it, too."""

    seconds: float | None = Field(None, ge=0, le=LENGTH_MAX_S)
    longest: float = Field(0, ge=0, le=LENGTH_MAX_S)
    error: str | None = None
    name: str = Field("", pattern="^[a-z0-9_]{0,40}$")


class RecordingDecoder:
    """Decodes a few recordings at a time, off the event loop."""

    def __init__(
        self, *, workers: int = WORKERS, waiting_max: int = WAITING_MAX, cpu_max_s: int = CPU_MAX_S
    ) -> None:
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="recordings")
        self._open_max = workers + waiting_max
        self._open = 0
        self._cpu_max_s = cpu_max_s

    async def length_of(self, content: bytes) -> Length:
        """Decodes a whole file. Raises BadRequest if it cannot be measured, Unavailable if too many wait."""
        if self._open >= self._open_max:
            raise Unavailable("Too many recordings are being measured. Try again in a few seconds.")
        self._open += 1
        try:
            loop = asyncio.get_running_loop()
            printed = await loop.run_in_executor(self._threads, self._decode, content)
        finally:
            self._open -= 1
        return _read(printed)

    def _decode(self, content: bytes) -> bytes:
        """Returns what the worker printed, or would have if its limits had not ended it."""
        limits = (len(content), self._cpu_max_s, LENGTH_MAX_S)
        command = [sys.executable, "-I", "-B", str(_WORKER), *map(str, limits)]
        try:
            done = subprocess.run(  # noqa: S603  # our own program
                command, input=content, capture_output=True, env={}, cwd="/", timeout=WAIT_MAX_S, check=False
            )
        except subprocess.TimeoutExpired:
            return b'{"error": "slow"}'
        if done.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
            return b'{"error": "slow"}'
        if done.returncode > 0:
            raise RuntimeError(
                f"{_WORKER.name} failed: {done.stderr[-_REPORT_BYTES:].decode(errors='replace')}"
            )
        return done.stdout  # nothing if FFmpeg crashed


def _read(printed: bytes) -> Length:
    try:
        answer = _Answer.model_validate_json(printed)
    except ValidationError:
        answer = _Answer(error="damaged")
    if answer.seconds is None:
        reason = _REASONS.get(answer.error or "", _REASONS["damaged"])
        raise BadRequest(reason.format(name=answer.name or "(unknown)"), param="file")
    return Length(answer.seconds, max(answer.seconds, answer.longest))
