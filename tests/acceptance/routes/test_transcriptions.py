"""A transcription is charged for the sound in the file, in the formats that people record in."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, cast

import openai
import pytest

from tests.acceptance.customers import Customer, detail_of, ending_of, nothing_held, spent
from tests.recorded import forged_flac, forged_mp3, forged_ogg, recorded, vorbis

SECONDS = 20
SECOND = Decimal("0.0001")
FILES: dict[str, Callable[[], bytes]] = {
    "memo.m4a": lambda: recorded("m4a", SECONDS),
    "browser.webm": lambda: recorded("webm", SECONDS, streamed=True),
    "pipe.flac": lambda: recorded("flac", SECONDS, streamed=True),
    "forged.flac": lambda: forged_flac(recorded("flac", SECONDS), 1),
    "forged.opus": lambda: forged_ogg(recorded("opus", SECONDS), 1),
    "forged.ogg": lambda: forged_ogg(vorbis(SECONDS), 1),
    "forged.mp3": lambda: forged_mp3(recorded("mp3", SECONDS), 10),
}


@pytest.mark.parametrize("name", FILES)
def test_it_is_charged_exactly(name: str, new_customer: Callable[..., Customer]) -> None:
    customer = new_customer(credit="0.0025")  # 25 seconds
    file = (name, FILES[name]())
    assert customer.openai.audio.transcriptions.create(model="demo-transcribe", file=file).text
    [charge] = customer.settled(charges=1)
    assert ending_of(charge) == "finished"
    detail = detail_of(charge)
    assert detail["price"]["basis"] == "provider_cost"
    assert detail["recording_seconds"] == pytest.approx(SECONDS, abs=0.05)
    assert spent(charge) == pytest.approx(cast(Any, SECOND * SECONDS), rel=Decimal("0.003"))


@pytest.mark.parametrize("name", ["long.webm", "notes.txt"])
def test_what_cannot_be_measured_or_paid_for_is_refused(
    name: str, new_customer: Callable[..., Customer]
) -> None:
    customer = new_customer(credit="0.0025")
    content, status = {"long.webm": (recorded("webm", 30), 402), "notes.txt": (b"words " * 100, 400)}[name]
    with pytest.raises(openai.APIStatusError) as refused:
        customer.openai.audio.transcriptions.create(model="demo-transcribe", file=(name, content))
    assert refused.value.status_code == status
    nothing_held(customer)
    assert customer.transactions("charge") == []
