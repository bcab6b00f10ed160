"""Which frames of a client can be billed, and how much input each can add."""

from __future__ import annotations

import base64
import json

import pytest
import tiktoken

from billing.proxy.realtime.frame_document import FrameLimits
from billing.proxy.realtime.frames import ClientFrame, FrameRefused, read_frame
from devkit.demo_upstream.tokens import encoding

OUTPUT_MAX = 4096
LIMITS = FrameLimits(bytes_max=1024 * 1024 * 4, elements_max=10_000)


def read(event: object) -> ClientFrame:
    return read_frame({"type": "websocket.receive", "text": json.dumps(event)}, OUTPUT_MAX, LIMITS)


def message(*parts: object) -> dict[str, object]:
    item = {"type": "message", "role": "user", "content": list(parts)}
    return {"type": "conversation.item.create", "item": item}


class TestTokens:
    @pytest.mark.parametrize("text", ["hello", "Grüße, 你好 🙂" * 50, "a b c d e f g" * 100, ""])
    def test_of_a_text_are_never_fewer_than_it_has(self, text: str) -> None:
        frame = read(message({"type": "input_text", "text": text}))
        tokenizer: tiktoken.Encoding = encoding()
        assert frame.tokens is not None
        assert frame.tokens >= len(tokenizer.encode(text, disallowed_special=()))

    @pytest.mark.parametrize("bytes_a_second", [8_000, 48_000])  # G.711, PCM of 24 kHz
    @pytest.mark.parametrize("seconds", [1, 60])
    def test_of_audio_are_never_fewer_than_one_for_each_tenth_of_a_second(
        self, bytes_a_second: int, seconds: int
    ) -> None:
        audio = base64.b64encode(bytes(bytes_a_second * seconds)).decode()
        for event in (
            {"type": "input_audio_buffer.append", "audio": audio},
            message({"type": "input_audio", "audio": audio}),
        ):
            tokens = read(event).tokens
            assert tokens is not None
            assert 10 * seconds <= tokens < len(audio) / 20

    @pytest.mark.parametrize("part", [{"type": "input_image", "image_url": "data:"}, {"image_url": "x"}])
    def test_of_an_image_are_as_many_as_the_model_takes(self, part: object) -> None:
        assert read(message(part)).tokens is None
        assert (
            read({"type": "response.create", "response": {"input": [message(part)["item"]]}}).tokens is None
        )

    def test_what_is_hidden_as_audio_elsewhere_counts_as_text(self) -> None:
        tokens = read(message({"type": "input_text", "text": "x", "audio": "y" * 10_000})).tokens
        assert tokens is not None
        assert tokens > 10_000


class TestForwarded:
    def test_the_frame_goes_on_as_it_was_read(self) -> None:
        frame = read_frame({"text": ' {"type" : "response.cancel", "n": 1e2}'}, OUTPUT_MAX, LIMITS)
        assert json.loads(frame.text) == {"type": "response.cancel", "n": 100.0}
        assert not frame.asks_for_response

    def test_a_session_keeps_its_model(self) -> None:
        frame = read({"type": "session.update", "session": {"model": "dear", "instructions": "Be brief."}})
        assert json.loads(frame.text)["session"] == {"instructions": "Be brief."}

    def test_each_request_for_a_response_goes_on_under_an_id_of_ours(self) -> None:
        frames = [read({"type": "response.create", "event_id": "same"}) for _ in range(2)]
        sent = {json.loads(frame.text)["event_id"] for frame in frames}
        assert sent == {frame.sent_id for frame in frames}
        assert len(sent) == 2
        assert {frame.event_id for frame in frames} == {"same"}

    @pytest.mark.parametrize("field", ["instructions", "tools", "input", "conversation"])
    def test_a_response_with_an_input_of_its_own_is_marked(self, field: str) -> None:
        value = [] if field in ("tools", "input") else "none"
        assert read({"type": "response.create", "response": {field: value}}).overrides
        assert not read({"type": "response.create", "response": {"metadata": {}}}).overrides


class TestRefused:
    @pytest.mark.parametrize(
        "event",
        [
            {"type": "session.update", "session": {"input_audio_transcription": {}}},
            {"type": "session.update", "session": {"audio": {"input": {"transcription": {"model": "w"}}}}},
            {"type": "session.update", "session": {"type": "transcription"}},
            {"type": "session.update", "session": {"prompt": {"id": "p"}}},
            {"type": "session.update", "session": {"tools": [{"type": "function"}, {"type": "mcp"}]}},
            {"type": "session.update", "session": {"tools": {"type": "function"}}},
            {"type": "session.update", "session": "x"},
            {"type": "session.update", "session": {"max_output_tokens": OUTPUT_MAX + 1}},
            {"type": "session.update", "session": {"max_response_output_tokens": 0}},
            {"type": "session.update", "session": {"max_output_tokens": True}},
            {"type": "response.create", "response": {"model": "dear"}},
            {"type": "conversation.item.create", "item": {"type": "mcp_approval_response"}},
            {"type": "input_audio_buffer.append", "session": {"input_audio_transcription": {"model": "w"}}},
            {"type": "transcription_session.update"},
            {"type": ["response.create"]},
            {},
            [],
            "text",
        ],
    )
    def test_what_cannot_be_priced(self, event: object) -> None:
        with pytest.raises(FrameRefused):
            read(event)

    @pytest.mark.parametrize("raw", [{"bytes": b"{}"}, {"text": None}, {"text": "{"}, {"text": "[" * 50}])
    def test_what_is_no_json_text(self, raw: dict[str, object]) -> None:
        with pytest.raises(FrameRefused):
            read_frame(raw, OUTPUT_MAX, LIMITS)

    @pytest.mark.parametrize("value", [1, OUTPUT_MAX, "inf", None])
    def test_a_limit_within_the_priced_one_is_fine(self, value: object) -> None:
        read({"type": "session.update", "session": {"max_output_tokens": value}})
