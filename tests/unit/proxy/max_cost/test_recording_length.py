"""A transcription is charged by the seconds that a header says: one that says too few is refused."""

from __future__ import annotations

from io import BytesIO

import pytest
import soundfile  # type: ignore[import-untyped]  # ships without types

from billing.errors import BadRequest
from billing.proxy.max_cost.recording_length import seconds_of_data
from billing.proxy.max_cost.recordings import read_recording

SECONDS = 30


def recorded(audio_format: str, sample_rate: int = 16_000, channels: int = 1) -> bytes:
    file = BytesIO()
    with soundfile.SoundFile(file, "w", sample_rate, channels, format=audio_format) as audio:
        quiet_noise = bytes(range(256)) * (SECONDS * sample_rate * channels // 128)
        audio.buffer_write(quiet_noise, dtype="int16")
    return file.getvalue()


def forged_mp3() -> bytes:
    """Half a minute that says it is ten frames, a quarter of a second."""
    content = bytearray(recorded("MP3"))
    frame_count = content.index(b"Xing") + 8
    content[frame_count : frame_count + 4] = (10).to_bytes(4)
    return bytes(content)


@pytest.mark.parametrize("sample_rate", [8_000, 16_000, 22_050, 32_000, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_frames_of_mp3_are_counted(sample_rate: int, channels: int) -> None:
    assert seconds_of_data(recorded("MP3", sample_rate, channels)) == pytest.approx(SECONDS, abs=0.5)


def test_a_picture_in_the_tag_is_no_sound() -> None:
    picture = b"\xff\xfb\x90\x00" * 25_000
    size = len(picture)
    tag = b"ID3\x04\x00\x00" + bytes((size >> shift) & 127 for shift in (21, 14, 7, 0)) + picture
    assert seconds_of_data(tag + recorded("MP3")) == pytest.approx(SECONDS, abs=0.5)


@pytest.mark.parametrize("audio_format", ["MP3", "WAV", "FLAC", "OGG", "AIFF", "AU"])
async def test_an_honest_recording_is_as_long_as_its_header_says(audio_format: str) -> None:
    recording = await read_recording(BytesIO(recorded(audio_format)))
    assert SECONDS <= recording.seconds_max <= SECONDS + 2


async def test_a_header_that_says_too_few_seconds_is_refused() -> None:
    with pytest.raises(BadRequest, match="understates its length"):
        await read_recording(BytesIO(forged_mp3()))


async def test_short_sound_before_a_long_one_is_refused() -> None:
    """Each file with a header of its own: players go on where the first one ends."""
    file = BytesIO()
    with soundfile.SoundFile(file, "w", 16_000, 1, format="MP3") as audio:
        audio.buffer_write(bytes(32_000), dtype="int16")
    with pytest.raises(BadRequest, match="understates its length"):
        await read_recording(BytesIO(file.getvalue() + recorded("MP3")))


def test_what_is_no_recording_has_no_length() -> None:
    assert seconds_of_data(b"?" * 1_000) == 0.0
