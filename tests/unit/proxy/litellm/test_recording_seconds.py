"""LiteLLM charges a transcription for the sound in the file, unless the provider says how much it played."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest

from billing.proxy.litellm.recording_seconds import charge_decoded_seconds
from billing.proxy.max_cost.recordings import read_recording
from tests.recorded import forged_flac, recorded

Seconds = Callable[[object], float | None]


@pytest.fixture
def litellms_seconds(monkeypatch: pytest.MonkeyPatch) -> Seconds:
    import litellm.main

    by_header = litellm.main.calculate_request_duration
    monkeypatch.setattr(litellm.main, "calculate_request_duration", by_header)  # put back afterwards
    charge_decoded_seconds()
    found: Seconds = litellm.main.calculate_request_duration
    return found


@pytest.mark.parametrize(
    "content",
    [lambda: recorded("m4a", 7.5), lambda: forged_flac(recorded("flac", 7.5), 1)],
    ids=["a file that it cannot read", "a header that lies"],
)
async def test_of_a_file_that_billing_has_measured(
    content: Callable[[], bytes], litellms_seconds: Seconds
) -> None:
    file = BytesIO(content())
    recording = await read_recording(file)
    assert litellms_seconds(file) == recording.seconds == pytest.approx(7.5, abs=0.05)


def test_of_another_file_it_is_litellms_own_figure(litellms_seconds: Seconds) -> None:
    """Not every call to LiteLLM in this process is a customer's."""
    assert litellms_seconds(BytesIO(recorded("wav", 2))) == 2.0
    assert litellms_seconds(BytesIO(recorded("m4a", 2))) is None


@pytest.mark.parametrize(("usage", "charged_s"), [(None, 7.5), ({"type": "duration", "seconds": 8}, 8)])
def test_the_cost_follows(
    usage: dict[str, Any] | None, charged_s: float, litellms_seconds: Seconds, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The provider's own seconds come first."""
    import litellm

    file = BytesIO(forged_flac(recorded("flac", 7.5), 1))
    asyncio.run(read_recording(file))

    def answer(*_: object, **__: object) -> Any:
        response = litellm.TranscriptionResponse(text="hello")
        if usage is not None:
            response.usage = usage
        return response

    monkeypatch.setattr(litellm.main.openai_audio_transcriptions, "audio_transcriptions", answer)
    response = litellm.transcription(model="whisper-1", file=file, api_key="none")
    cost = litellm.completion_cost(response, model="whisper-1", call_type="transcription")
    assert cost == pytest.approx(charged_s * 0.0001)
