"""Recordings as people and programs make them, and as somebody would forge them; made by FFmpeg."""

from __future__ import annotations

import math
import re
import struct
from array import array
from collections.abc import Mapping
from fractions import Fraction
from io import BytesIO
from typing import NamedTuple, cast

import av
import soundfile  # type: ignore[import-untyped]  # ships without types
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.stream import VideoStream

SAMPLE_RATE = 48_000


class Kind(NamedTuple):
    """FFmpeg's names of a format and a codec, and how a program writes it that cannot seek."""

    container: str
    codec: str
    streamed: Mapping[str, str] | None = {}  # None: it cannot be written so
    sample_rate: int = SAMPLE_RATE


KINDS = {
    "wav": Kind("wav", "pcm_s16le"),
    "wav alaw": Kind("wav", "pcm_alaw", sample_rate=8_000),
    "mp3": Kind("mp3", "libmp3lame", {"write_xing": "0"}),
    "m4a": Kind("ipod", "aac", {"movflags": "frag_keyframe+empty_moov", "frag_duration": "500000"}),
    "mp4": Kind("mp4", "aac", {"movflags": "frag_keyframe+empty_moov", "frag_duration": "500000"}),
    "webm": Kind("webm", "libopus"),
    "opus": Kind("ogg", "libopus"),
    "flac": Kind("flac", "flac"),
    "ogg flac": Kind("ogg", "flac"),
    "aac": Kind("adts", "aac"),
    "aiff": Kind("aiff", "pcm_s16be", None),
    "caf": Kind("caf", "alac", None),
    "amr": Kind("amr", "libopencore_amrnb", sample_rate=8_000),
}
STREAMED = sorted(name for name, kind in KINDS.items() if kind.streamed is not None)


class Stream:
    """A file that can only be written to, like a pipe."""

    def __init__(self) -> None:
        self.content = bytearray()

    def write(self, data: bytes) -> int:
        self.content += data
        return len(data)


def recorded(name: str, seconds: float, *, streamed: bool = False, silent: bool = False) -> bytes:
    """Returns a recording; `streamed` as browsers and pipes write it: no length, no index."""
    kind = KINDS[name]
    options = dict(kind.streamed or {}) if streamed else {}
    file = Stream() if streamed else BytesIO()
    with av.open(cast(BytesIO, file), "w", format=kind.container, options=options) as container:
        stream = _audio_stream(container, kind.codec, kind.sample_rate)
        _encode(container, stream, seconds, silent=silent)
    return bytes(file.content) if isinstance(file, Stream) else file.getvalue()


def _audio_stream(container: OutputContainer, codec: str, rate: int) -> AudioStream:
    stream = cast(AudioStream, container.add_stream(codec, rate=rate))
    stream.layout = "mono"
    return stream


def _encode(container: OutputContainer, stream: AudioStream, seconds: float, *, silent: bool = False) -> None:
    rate = stream.rate
    tone = (0 if silent else round(9_000 * math.sin(at * 0.06)) for at in range(rate))
    one_second = array("h", tone).tobytes()
    resampler = av.AudioResampler(format=stream.format, layout="mono", rate=rate)
    total = round(seconds * rate)
    for start in range(0, total, rate):
        samples = min(rate, total - start)
        frame = av.AudioFrame(format="s16", layout="mono", samples=samples)
        frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
        frame.planes[0].update(one_second[: 2 * samples].ljust(frame.planes[0].buffer_size, b"\0"))
        for resampled in resampler.resample(frame):
            container.mux(stream.encode(resampled))
    for resampled in resampler.resample(None):
        container.mux(stream.encode(resampled))
    container.mux(stream.encode(None))


def vorbis(seconds: float) -> bytes:
    """FFmpeg has no encoder for it that is any good."""
    file = BytesIO()
    with soundfile.SoundFile(file, "w", SAMPLE_RATE, 1, format="OGG") as audio:
        for _ in range(round(seconds * 10)):  # libsndfile overflows its stack with much at once
            audio.buffer_write(array("h", range(100)).tobytes() * (SAMPLE_RATE // 1_000), "int16")
    return file.getvalue()


def video(seconds: float, sound_seconds: float) -> bytes:
    """A video with sound, as phones record it."""
    return _video("mpeg4", "yuv420p", 64, round(seconds * 5), sound_seconds)


def huge_picture(size: int, sound_seconds: float) -> bytes:
    """Sound with one black picture, which takes little room in the file and much when it is decoded."""
    return _video("png", "rgb24", size, 1, sound_seconds)


def _video(codec: str, pixels: str, size: int, pictures: int, sound_seconds: float) -> bytes:
    file = BytesIO()
    with av.open(file, "w", format="mov") as container:
        shown = cast(VideoStream, container.add_stream(codec, rate=5))
        shown.width = shown.height = size
        shown.pix_fmt = pixels
        stream = _audio_stream(container, "aac", SAMPLE_RATE)
        for _ in range(pictures):
            container.mux(shown.encode(av.VideoFrame(size, size, pixels)))
        container.mux(shown.encode(None))
        _encode(container, stream, sound_seconds)
    return file.getvalue()


def paused(seconds: float, pause_s: float) -> bytes:
    """A browser's recording that was paused in the middle: its timestamps go on meanwhile."""
    file = BytesIO()
    with (
        av.open(BytesIO(recorded("webm", seconds)), "r") as original,
        av.open(file, "w", format="webm") as container,
    ):
        stream = container.add_stream_from_template(original.streams.audio[0])
        for packet in original.demux(original.streams.audio[0]):
            if packet.dts is None or packet.pts is None or packet.time_base is None:
                continue
            if packet.pts * packet.time_base > seconds / 2:
                packet.pts += round(pause_s / packet.time_base)
                packet.dts = packet.pts
            packet.stream = stream
            container.mux(packet)
    return file.getvalue()


def two_tracks(first_s: float, second_s: float, second: str = "aac") -> bytes:
    """Two audio streams in one file."""
    file = BytesIO()
    with av.open(file, "w", format="matroska") as container:
        streams = [_audio_stream(container, codec, SAMPLE_RATE) for codec in ("aac", second)]
        for stream, seconds in zip(streams, (first_s, second_s), strict=True):
            _encode(container, stream, seconds)
    return file.getvalue()


def forged_flac(content: bytes, seconds: float) -> bytes:
    """Writes another total into the header: 36 bits after rate, channels and size of a sample."""
    changed = bytearray(content)
    fields = int.from_bytes(changed[18:26])
    changed[18:26] = (fields >> 36 << 36 | round(seconds * SAMPLE_RATE)).to_bytes(8)
    return bytes(changed)


def forged_ogg(content: bytes, seconds: float) -> bytes:
    """Writes another position into each page that has one beyond it, and its new checksum."""
    pages = [match.start() for match in re.finditer(rb"OggS\0", content)]
    forged = bytearray()
    for begin, end in zip(pages, [*pages[1:], len(content)], strict=True):
        page = bytearray(content[begin:end])
        position = min(int.from_bytes(page[6:14], "little"), round(seconds * SAMPLE_RATE))
        page[6:14] = position.to_bytes(8, "little")
        page[22:26] = bytes(4)
        page[22:26] = _ogg_checksum(page).to_bytes(4, "little")
        forged += page
    return bytes(forged)


def _ogg_checksum(page: bytearray) -> int:
    """RFC 3533, section 6: the polynomial 0x04c11db7, without reflection."""
    checksum = 0
    for byte in page:
        checksum ^= byte << 24
        for _ in range(8):
            checksum = (checksum << 1 ^ (0x04C11DB7 if checksum & 0x80000000 else 0)) & 0xFFFFFFFF
    return checksum


def forged_mp3(content: bytes, frames: int) -> bytes:
    """Writes another number of frames into the first one, which players show as the length."""
    changed = bytearray(content)
    mark = b"Xing" if b"Xing" in content else b"Info"
    at = changed.index(mark) + 8
    changed[at : at + 4] = frames.to_bytes(4)
    return bytes(changed)


def forged_wav(content: bytes, seconds: float) -> bytes:
    """Writes another size of the sound."""
    changed = bytearray(content)
    at = changed.index(b"data") + 4
    changed[at : at + 4] = round(seconds * SAMPLE_RATE * 2).to_bytes(4, "little")
    return bytes(changed)


def forged_mp4(content: bytes, seconds: float) -> bytes:
    """Writes another length into the headers of movie and track, and into the edit list."""
    changed = bytearray(content)
    for atom, at, rate in ((b"mvhd", 20, 1_000), (b"mdhd", 20, SAMPLE_RATE), (b"elst", 12, 1_000)):
        place = changed.index(atom) + at
        changed[place : place + 4] = round(seconds * rate).to_bytes(4)
    return bytes(changed)


def forged_webm(content: bytes, seconds: float) -> bytes:
    """Writes another length: element 0x4489, a float of eight bytes, in milliseconds."""
    changed = bytearray(content)
    at = changed.index(b"\x44\x89\x88") + 3
    changed[at : at + 8] = struct.pack(">d", seconds * 1_000)
    return bytes(changed)
