"""Decodes a recording from standard input and prints its length as JSON. Run as a process of its own.

FFmpeg reads what anybody uploads, so it runs without the gateway's memory and environment, with limits of
memory and CPU time, and with a fixed list of formats and codecs. `recording_length.py` starts it.

Arguments: the size of the file in bytes, the maximum CPU time, the maximum length of the recording, both in
seconds. Prints `{"seconds": …, "longest": …}` or `{"error": …, "name": …}`.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from io import BytesIO
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from av import Packet
    from av.audio.stream import AudioStream
    from av.container import InputContainer

_MEMORY_BYTES = 768 * 1024 * 1024  # of addresses, besides the file; Python with FFmpeg takes 300 MB
_NICENESS = 5
_OPEN_FILES_MAX = 64
_GAPS_MAX = 100  # where a file is damaged
_OTHER_BYTES_MAX = 1024 * 1024  # neither sound nor picture: tags, indexes, padding

CODECS = (
    "aac", "adpcm_ima_qt", "adpcm_ima_wav", "adpcm_ms", "alac", "amrnb", "amrwb", "flac", "libopencore_amrnb",
    "libopencore_amrwb", "libopus", "mp2", "mp2float", "mp3", "mp3float", "opus", "vorbis",
    "pcm_alaw", "pcm_f32be", "pcm_f32le", "pcm_f64be", "pcm_f64le", "pcm_mulaw", "pcm_s16be", "pcm_s16le",
    "pcm_s24be", "pcm_s24le", "pcm_s32be", "pcm_s32le", "pcm_s8", "pcm_u8",
)  # fmt: skip
# What a file begins with, from an offset; FFmpeg's name of the format, which alone is tried.
_BEGINNINGS = (
    (0, b"\x1a\x45\xdf\xa3", "matroska"), (0, b"OggS", "ogg"), (0, b"fLaC", "flac"), (8, b"WAVE", "wav"),
    (8, b"AIFF", "aiff"), (8, b"AIFC", "aiff"), (0, b"caff", "caf"), (0, b"#!AMR", "amr"), (0, b".snd", "au"),
    (4, b"ftyp", "mp4"), (4, b"moov", "mp4"), (4, b"mdat", "mp4"), (4, b"wide", "mp4"), (4, b"free", "mp4"),
)  # fmt: skip


class Unmeasured(Exception):
    """The recording has no length that can be relied on. `error` is one of the worker's words for why."""

    def __init__(self, error: str, name: str = "") -> None:
        super().__init__(error)
        self.error = error
        self.name = name


def format_of(content: bytes) -> str:
    """Returns FFmpeg's name of the format. Raises Unmeasured for others than those people record in."""
    start = content[:10]
    if start.startswith(b"ID3") and len(start) == 10:  # the tag's length: four bytes of seven bits each
        tag_bytes = 10 + (start[6] << 21 | start[7] << 14 | start[8] << 7 | start[9])
        tagged = content[tag_bytes : tag_bytes + 16]
        return "mp3" if tagged[:1] != b"\xff" and not tagged.startswith(b"fLaC") else format_of(tagged)
    for offset, beginning, name in _BEGINNINGS:
        if content.startswith(beginning, offset):
            return name
    if len(start) > 2 and start[0] == 0xFF and start[1] & 0xE0 == 0xE0:  # the sync word of MPEG audio
        return "aac" if start[1] & 0x06 == 0 else "mp3"
    raise Unmeasured("format")


@dataclass(slots=True)
class _Track:
    """What was decoded of one stream, and the time that its timestamps span."""

    stream: AudioStream
    samples: dict[int, int] = field(default_factory=dict)  # by sample rate, which may change on the way
    packet_bytes: int = 0
    begin: int | None = None
    end: int = 0

    def read(self, packet: Packet[AudioStream]) -> None:
        """Notes and decodes a packet; players skip one that cannot be decoded."""
        import av

        self.packet_bytes += packet.size
        if packet.pts is not None and packet.size:
            self.begin = packet.pts if self.begin is None else min(self.begin, packet.pts)
            self.end = max(self.end, packet.pts + (packet.duration or 0))
        with suppress(av.FFmpegError):
            for frame in self.stream.decode(packet):
                self.samples[frame.sample_rate] = self.samples.get(frame.sample_rate, 0) + frame.samples

    @property
    def seconds(self) -> Fraction:
        return sum((Fraction(count, rate) for rate, count in self.samples.items() if rate), Fraction(0))

    def longest(self, file_bytes: int, seconds_max: float) -> Fraction:
        """Its length if a player believes timestamps that can be true, or takes all of an uncompressed file
        as sound.
        """
        longest = self.seconds
        if self.begin is not None and self.stream.time_base:
            span = (self.end - self.begin) * self.stream.time_base
            longest = max(longest, span if span <= seconds_max else Fraction(0))
        if self.packet_bytes and self.stream.codec_context.name.startswith("pcm_"):
            longest = max(longest, self.seconds * file_bytes / self.packet_bytes)
        return longest


def measure(content: bytes, seconds_max: float) -> dict[str, float]:
    """Returns the decoded length of the longest audio stream, and the longest that a player may find.

    Raises Unmeasured; MemoryError where a file needs more than the limit.
    """
    import av
    from av.codec.context import Flags2

    name = format_of(content)
    options = {"codec_whitelist": ",".join(CODECS)}  # FFmpeg also decodes while it opens a file
    if name == "mp4":
        options["ignore_editlist"] = "1"  # an edit list may hide sound
    try:
        with av.open(BytesIO(content), "r", name, options, metadata_errors="ignore") as container:
            tracks = {stream.index: _Track(stream) for stream in container.streams.audio}
            for track in tracks.values():
                codec = track.stream.codec_context
                if codec is None or codec.name not in CODECS:
                    raise Unmeasured("codec", "" if codec is None else codec.name)
                codec.thread_count = 1
                codec.flags2 |= Flags2.skip_manual  # what a file declares to be padding counts
            read_bytes = _decode_all(container, tracks, seconds_max)
    except av.FFmpegError as error:
        raise Unmeasured("damaged") from error
    if len(content) - read_bytes > max(_OTHER_BYTES_MAX, len(content) // 2):
        raise Unmeasured("hidden")
    seconds = max((track.seconds for track in tracks.values()), default=Fraction(0))
    longest = max(
        (track.longest(len(content), seconds_max) for track in tracks.values()), default=Fraction(0)
    )
    if not seconds:
        raise Unmeasured("damaged")
    if longest > seconds_max:
        raise Unmeasured("long")
    return {"seconds": float(seconds), "longest": float(longest)}


def _decode_all(container: InputContainer, tracks: dict[int, _Track], seconds_max: float) -> int:
    """Decodes to the end, also behind what is damaged. Returns the bytes of all packets."""
    import av

    read_bytes = 0
    for _ in range(_GAPS_MAX):
        try:
            for packet in container.demux():
                read_bytes += packet.size
                track = tracks.get(packet.stream_index)
                if track is not None:
                    track.read(cast("Packet[AudioStream]", packet))
                    if track.seconds > seconds_max:
                        raise Unmeasured("long")
        except av.FFmpegError:
            continue  # some players go on with what they can read
        return read_bytes
    raise Unmeasured("damaged")


def _limit(file_bytes: int, cpu_max_s: int) -> None:
    """Limits this process. macOS has no limit of addresses."""
    os.nice(_NICENESS)
    memory = _MEMORY_BYTES + 2 * file_bytes
    for kind, most in (
        (resource.RLIMIT_CPU, cpu_max_s),
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, _OPEN_FILES_MAX),
    ):
        try:
            resource.setrlimit(kind, (most, most))
        except (ValueError, OSError):
            if sys.platform == "linux":
                raise


def main() -> None:
    """Prints the answer. Fails where FFmpeg is missing, which is no fault of the recording."""
    file_bytes, cpu_max_s, seconds_max = (int(argument) for argument in sys.argv[1:])
    _limit(file_bytes, cpu_max_s)
    import av

    av.logging.set_level(None)
    answer: dict[str, float] | dict[str, str]
    try:
        answer = measure(sys.stdin.buffer.read(file_bytes), seconds_max)
    except Unmeasured as why:
        answer = {"error": why.error, "name": why.name}
    except (MemoryError, ValueError, OverflowError):  # PyAV's of numbers and names that make no sense
        answer = {"error": "damaged", "name": ""}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()
