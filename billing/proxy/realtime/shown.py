"""Counts what an answer has shown so far: its price if the provider disconnects without reporting usage."""

from __future__ import annotations

from collections.abc import Mapping

from billing.proxy.max_cost.streamed import StreamedOutput
from billing.proxy.streams.dialects import Output
from billing.proxy.streams.meter import OutputMeter

# OpenAI counts a token for each 50 ms of a model's audio (https://platform.openai.com/docs/guides/realtime-costs).
_PCM_BYTES_A_TOKEN = 2400  # 24 kHz, 16 bits
_G711_BYTES_A_TOKEN = 400  # 8 kHz, 8 bits
_G711 = ("g711_ulaw", "g711_alaw", "audio/pcmu", "audio/pcma")
_COUNT = StreamedOutput(encoding=None, hidden_tokens=0)


class ShownAnswer:
    """Counts one answer. Transcripts are billed as text, in addition to their audio."""

    def __init__(self, input_tokens: int, audio_bytes_a_token: int) -> None:
        self._input_tokens = input_tokens
        self._audio_bytes_a_token = audio_bytes_a_token
        self._audio_bytes = 0
        self._text = OutputMeter(_COUNT, by_bytes=False)

    def add(self, kind: str, delta: str) -> None:
        """Counts a delta: base64 audio, otherwise text."""
        if kind.endswith("audio.delta"):
            self._audio_bytes += len(delta) * 3 // 4
        elif delta:
            self._text.add(Output(text=delta))

    def usage(self) -> dict[str, object] | None:
        """Returns the usage as the provider would report it; None if nothing was shown."""
        text, audio = self._text.tokens_likely, -(-self._audio_bytes // self._audio_bytes_a_token)
        if not text and not audio:
            return None
        return {
            "total_tokens": self._input_tokens + text + audio,
            "input_tokens": self._input_tokens,
            "output_tokens": text + audio,
            "input_token_details": {"text_tokens": self._input_tokens, "audio_tokens": 0, "cached_tokens": 0},
            "output_token_details": {"text_tokens": text, "audio_tokens": audio},
        }


def audio_bytes_a_token(session: Mapping[str, object]) -> int:
    """Returns the bytes per token of the session's output format, in either version of the API."""
    audio = session.get("audio")
    output = audio.get("output") if isinstance(audio, Mapping) else None
    form = output.get("format") if isinstance(output, Mapping) else None
    name = form.get("type") if isinstance(form, Mapping) else session.get("output_audio_format")
    return _G711_BYTES_A_TOKEN if name in _G711 else _PCM_BYTES_A_TOKEN
