"""An upload is decoded once, and held for by the longest length that somebody may bill."""

from __future__ import annotations

from copy import deepcopy
from io import BytesIO

import pytest

from billing.errors import BadRequest
from billing.proxy.max_cost import recordings
from billing.proxy.max_cost.recording_length import Length, RecordingDecoder
from billing.proxy.max_cost.recordings import Recording, measured_recording, read_recording
from tests.recorded import forged_flac, forged_wav, recorded


class Counting(RecordingDecoder):
    """Counts the files that it decodes."""

    def __init__(self) -> None:
        super().__init__()
        self.files = 0

    async def length_of(self, content: bytes) -> Length:
        self.files += 1
        return await super().length_of(content)


async def test_it_is_held_for_with_a_second_more() -> None:
    assert await read_recording(BytesIO(recorded("wav", 12.5))) == Recording(12.5, seconds_max=14)


async def test_a_short_one_is_held_for_as_ten_seconds() -> None:
    """Groq bills no less."""
    assert await read_recording(BytesIO(recorded("wav", 1))) == Recording(1.0, seconds_max=10)


@pytest.mark.parametrize(("in_header_s", "seconds_max"), [(1, 31), (100, 101)])
async def test_a_header_can_only_raise_the_hold(in_header_s: int, seconds_max: int) -> None:
    """LiteLLM and some providers believe it."""
    file = BytesIO(forged_flac(recorded("flac", 30), in_header_s))
    assert await read_recording(file) == Recording(30.0, seconds_max)


async def test_sound_that_the_header_leaves_out_is_held_for() -> None:
    file = BytesIO(forged_wav(recorded("wav", 10), 1))
    assert await read_recording(file) == Recording(1.0, seconds_max=12)


async def test_a_header_that_says_days_is_refused() -> None:
    with pytest.raises(BadRequest, match="overstates its length"):
        await read_recording(BytesIO(forged_flac(recorded("flac", 1), 1_000_000)))


@pytest.mark.parametrize("file", [None, b"RIFF", "https://x/y"])
async def test_what_is_no_upload_is_refused(file: object) -> None:
    with pytest.raises(BadRequest, match="uploaded"):
        await read_recording(file)


async def test_a_file_is_decoded_once_however_often_it_is_priced(monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = Counting()
    monkeypatch.setattr(recordings, "_decoder", decoder)
    file = BytesIO(recorded("wav", 1))
    assert measured_recording(file) is None
    assert await read_recording(file) is await read_recording(file) is measured_recording(file)
    assert decoder.files == 1


async def test_a_copy_that_litellm_makes_keeps_its_length() -> None:
    file = BytesIO(recorded("wav", 1))
    recording = await read_recording(file)
    assert measured_recording(deepcopy(file)) == recording
