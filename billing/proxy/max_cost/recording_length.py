"""Measures the length of a recording from its data, whatever its header says.

LiteLLM measures by the header (`calculate_request_duration`), which the sender controls; a provider plays the
data and bills that. A forged `Xing` frame makes half a minute of MP3 a quarter of a second.
"""

from __future__ import annotations

from io import BytesIO

TAGS_BYTES_MAX = 1024 * 1024  # titles and a cover picture, in addition to the sound

# Maximum bytes per sample, by libsndfile's names of encodings; Opus and Vorbis stay below 0.7.
_SAMPLE_BYTES = {
    "PCM_S8": 1.0, "PCM_U8": 1.0, "ULAW": 1.0, "ALAW": 1.0, "PCM_16": 2.0, "PCM_24": 3.0, "PCM_32": 4.0,
    "FLOAT": 4.0, "IMA_ADPCM": 0.6, "MS_ADPCM": 0.6, "VORBIS": 1.0, "OPUS": 1.0,
}  # fmt: skip
_SAMPLE_BYTES_MAX = 8.0

# ISO/IEC 11172-3, 2.4.2.3, and 13818-3: layer III, by version (3: MPEG 1, 2: MPEG 2, 0: MPEG 2.5).
_KBIT_S_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KBIT_S_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_SAMPLE_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
_LAYER_3 = 1


def seconds_of_data(content: bytes) -> float:
    """Returns the minimum length that a decoder gets from it; 0.0 if unknown. Takes up to a second of CPU."""
    import soundfile  # type: ignore[import-untyped]  # ships without types

    try:
        with soundfile.SoundFile(BytesIO(content)) as audio:
            if audio.format == "MP3":
                return _mp3_seconds(content)
            sample_bytes = _SAMPLE_BYTES.get(audio.subtype, _SAMPLE_BYTES_MAX)
            second_bytes: float = audio.samplerate * audio.channels * sample_bytes
    except soundfile.SoundFileError:
        return 0.0
    return max(0.0, (len(content) - TAGS_BYTES_MAX) / second_bytes)


def _mp3_seconds(content: bytes) -> float:
    """Sums the lengths of all consecutive frames."""
    seconds, at = 0.0, _tag_bytes(content)
    while (at := content.find(b"\xff", at)) >= 0 and at + 4 <= len(content):
        frame = _frame(content[at + 1], content[at + 2])
        if frame is None:
            at += 1
            continue
        size_bytes, frame_s = frame
        seconds += frame_s
        at += size_bytes
    return seconds


def _tag_bytes(content: bytes) -> int:
    """Returns the length of an ID3v2 tag, which players skip, and whose picture may look like frames."""
    if not content.startswith(b"ID3") or len(content) < 10:
        return 0
    size = content[6:10]
    return 10 + (size[0] << 21 | size[1] << 14 | size[2] << 7 | size[3])


def _frame(first: int, second: int) -> tuple[int, float] | None:
    """Returns bytes and seconds of the frame of a header, from its second and third byte."""
    version, layer = (first >> 3) & 3, (first >> 1) & 3
    rate, speed = (second >> 2) & 3, second >> 4
    if first & 0xE0 != 0xE0 or version == 1 or layer != _LAYER_3 or rate == 3 or speed in (0, 15):
        return None
    samples = 1152 if version == 3 else 576
    kbit_s = (_KBIT_S_1 if version == 3 else _KBIT_S_2)[speed]
    sample_rate = _SAMPLE_RATES[version][rate]
    return samples // 8 * kbit_s * 1000 // sample_rate + ((second >> 1) & 1), samples / sample_rate
