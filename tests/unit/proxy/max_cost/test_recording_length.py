"""The length of a recording is that of the sound in it, in every format, whatever its header says."""

from __future__ import annotations

import asyncio
import resource
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from billing.errors import BadRequest, Unavailable
from billing.proxy.max_cost import recording_length
from billing.proxy.max_cost.recording_length import Length, RecordingDecoder
from billing.proxy.max_cost.recording_worker import Unmeasured, format_of, measure
from tests import recorded
from tests.recorded import KINDS, STREAMED

SECONDS = 7.5
PADDING_S = 0.05  # of encoders, at both ends; it is decoded too


def cpu_s() -> float:
    """What this process has used so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_utime


async def length_of(content: bytes) -> Length:
    return await RecordingDecoder().length_of(content)


async def refusal_of(content: bytes) -> str:
    with pytest.raises(BadRequest) as refused:
        await length_of(content)
    assert refused.value.param == "file"
    return refused.value.message


class TestRecordingsAsPeopleMakeThem:
    @pytest.mark.parametrize("name", KINDS)
    async def test_are_as_long_as_their_sound(self, name: str) -> None:
        length = await length_of(recorded.recorded(name, SECONDS))
        assert SECONDS <= length.decoded_s <= length.longest_s <= SECONDS + PADDING_S

    @pytest.mark.parametrize("name", STREAMED)
    async def test_so_are_those_without_a_length_in_the_header(self, name: str) -> None:
        length = await length_of(recorded.recorded(name, SECONDS, streamed=True))
        assert SECONDS <= length.decoded_s <= length.longest_s <= SECONDS + PADDING_S

    async def test_so_is_vorbis(self) -> None:
        assert (await length_of(recorded.vorbis(SECONDS))).decoded_s == pytest.approx(SECONDS, abs=PADDING_S)

    async def test_of_a_video_the_sound_counts(self) -> None:
        content = recorded.video(seconds=4, sound_seconds=SECONDS)
        assert (await length_of(content)).decoded_s == pytest.approx(SECONDS, abs=PADDING_S)

    @pytest.mark.parametrize("lengths", [(2.0, SECONDS), (SECONDS, 2.0)])
    async def test_of_several_tracks_the_longest_counts(self, lengths: tuple[float, float]) -> None:
        length = await length_of(recorded.two_tracks(*lengths))
        assert length.decoded_s == pytest.approx(SECONDS, abs=PADDING_S)

    async def test_a_tag_with_a_picture_before_mp3_is_no_sound(self) -> None:
        picture = b"\xff\xfb\x90\x00" * 25_000
        size = bytes((len(picture) >> shift) & 127 for shift in (21, 14, 7, 0))
        tagged = b"ID3\x04\x00\x00" + size + picture + recorded.recorded("mp3", SECONDS)
        assert (await length_of(tagged)).decoded_s == pytest.approx(SECONDS, abs=PADDING_S)

    async def test_a_pause_is_no_sound_but_may_be_billed(self) -> None:
        length = await length_of(recorded.paused(SECONDS, pause_s=10))
        assert length.decoded_s == pytest.approx(SECONDS, abs=PADDING_S)
        assert length.longest_s == pytest.approx(SECONDS + 10, abs=PADDING_S)

    @pytest.mark.parametrize("times", [1, 20])
    async def test_one_that_is_damaged_in_places_is_as_long_as_the_rest(self, times: int) -> None:
        content = recorded.recorded("aac", SECONDS)
        place = content.index(b"\xff\xf1", len(content) // 2)
        damage = b"\xff\xf1\x4c\x40\x00\x1f\xfc" * times  # frames that say they have no bytes
        length = await length_of(content[:place] + damage + content[place:])
        assert length.decoded_s == pytest.approx(SECONDS, abs=0.1)

    async def test_one_that_breaks_off_is_as_long_as_what_is_there(self) -> None:
        content = recorded.recorded("webm", SECONDS, streamed=True)
        length = await length_of(content[: len(content) // 2])
        assert length.decoded_s == pytest.approx(SECONDS / 2, abs=0.5)


FORGED: dict[str, Callable[[], bytes]] = {
    "flac": lambda: recorded.forged_flac(recorded.recorded("flac", 30), 1),
    "silent flac": lambda: recorded.forged_flac(recorded.recorded("flac", 30, silent=True), 1),
    "opus": lambda: recorded.forged_ogg(recorded.recorded("opus", 30), 1),
    "vorbis": lambda: recorded.forged_ogg(recorded.vorbis(30), 1),
    "mp3": lambda: recorded.forged_mp3(recorded.recorded("mp3", 30), 10),
    "m4a": lambda: recorded.forged_mp4(recorded.recorded("m4a", 30), 1),
    "webm": lambda: recorded.forged_webm(recorded.recorded("webm", 30), 1),
}


class TestHeadersThatSayTooLittle:
    @pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED)
    async def test_are_not_believed(self, forged: Callable[[], bytes]) -> None:
        assert (await length_of(forged())).decoded_s == pytest.approx(30, abs=PADDING_S)

    @pytest.mark.parametrize("name", ["mp3", "opus", "flac", "webm"])
    async def test_nor_is_the_first_of_two_recordings_in_one_file(self, name: str) -> None:
        length = await length_of(recorded.recorded(name, 1) + recorded.recorded(name, SECONDS))
        assert length.decoded_s == pytest.approx(1 + SECONDS, abs=2 * PADDING_S)

    async def test_sound_beyond_what_the_header_of_a_wav_admits_is_held_for(self) -> None:
        length = await length_of(recorded.forged_wav(recorded.recorded("wav", SECONDS), 1))
        assert length.decoded_s == 1
        assert length.longest_s == pytest.approx(SECONDS, abs=PADDING_S)

    async def test_a_file_with_little_but_other_data_is_refused(self) -> None:
        hidden = recorded.recorded("wav", 1) + recorded.recorded("mp3", 10) * 20
        assert "neither sound nor video" in await refusal_of(hidden)


class TestWhatHasNoLength:
    @pytest.mark.parametrize(
        "content",
        [b"", b"RIFF", b"?" * 1_000, b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n", b"ffconcat version 1.0"],
    )
    async def test_is_no_recording(self, content: bytes) -> None:
        assert "format of this recording is not supported" in await refusal_of(content)

    @pytest.mark.parametrize(
        "beginning", [b"fLaC", b"OggS", b"\x1a\x45\xdf\xa3", b"\xff\xfb", b"RIFF....WAVE"]
    )
    async def test_is_garbage_behind_a_beginning(self, beginning: bytes) -> None:
        assert "it is damaged, or has no sound" in await refusal_of(beginning + bytes(range(256)) * 400)

    async def test_has_lost_its_index(self) -> None:
        content = recorded.recorded("m4a", SECONDS)
        assert "it is damaged, or has no sound" in await refusal_of(content[: len(content) // 2])

    async def test_is_damaged_in_too_many_places(self) -> None:
        damage = b"\xff\xf1\x4c\x40\x00\x1f\xfc" * 500
        content = recorded.recorded("aac", 60) + damage + recorded.recorded("aac", 60)
        assert "it is damaged, or has no sound" in await refusal_of(content)

    async def test_has_pictures_alone(self) -> None:
        assert "it is damaged, or has no sound" in await refusal_of(recorded.video(2, sound_seconds=0))

    async def test_has_a_track_in_another_codec(self) -> None:
        """A provider might play it."""
        assert "codec ac3 is not supported" in await refusal_of(recorded.two_tracks(1, SECONDS, "ac3"))


class TestHostileFiles:
    async def test_a_small_one_that_plays_for_days_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(KINDS, "slow", recorded.Kind("wav", "pcm_u8", sample_rate=1))
        assert "longer than 12 hours" in await refusal_of(recorded.recorded("slow", 100_000))

    async def test_one_that_takes_too_long_is_ended(self) -> None:
        hours = recorded.recorded("opus", 60, silent=True) * 100
        with pytest.raises(BadRequest, match="takes too long to decode"):
            await RecordingDecoder(cpu_max_s=1).length_of(hours)

    async def test_one_that_wants_gigabytes_gets_none(self) -> None:
        """A table of 30 million frames in 28 bytes: FFmpeg would make an index of a gigabyte of it."""
        content = bytearray(recorded.recorded("m4a", 1))
        count = 30_000_000
        for atom, table in (
            (b"stsz", struct.pack(">II", 1, count)),
            (b"stts", struct.pack(">III", 1, count, 1_024)),
            (b"stsc", struct.pack(">IIII", 1, 1, count, 1)),
        ):
            at = content.index(atom) + 8
            content[at : at + len(table)] = table
        assert "it is damaged, or has no sound" in await refusal_of(bytes(content))
        assert self.memory_bytes(bytes(content)) < 400 * 1024 * 1024

    def test_a_picture_in_it_is_not_decoded(self) -> None:
        """FFmpeg would while it opens the file: 200 MB of pixels."""
        assert self.memory_bytes(recorded.huge_picture(8_000, sound_seconds=1)) < 150 * 1024 * 1024

    def test_decoding_ends_at_the_maximum(self) -> None:
        content = recorded.recorded("opus", 60, silent=True) * 10
        before_s = cpu_s()
        assert measure(content, 3_600)["seconds"] > 600
        whole_s = cpu_s() - before_s
        with pytest.raises(Unmeasured, match="long"):
            measure(content, 5)
        assert cpu_s() - before_s - whole_s < whole_s / 3

    def test_what_a_header_leaves_out_counts_to_the_maximum(self) -> None:
        content = recorded.forged_wav(recorded.recorded("wav", SECONDS), 1)
        assert measure(content, SECONDS + 1)["seconds"] == 1
        with pytest.raises(Unmeasured, match="long"):
            measure(content, SECONDS - 1)

    def memory_bytes(self, content: bytes) -> int:
        """What a worker takes at most, measured by a parent that has no other children."""
        measured = (
            "import resource, subprocess, sys\n"
            "subprocess.run(sys.argv[1:], stdin=sys.stdin, stdout=subprocess.DEVNULL, check=True)\n"
            "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
        )
        worker = [sys.executable, "-I", str(Path(recording_length.__file__).with_name("recording_worker.py"))]
        command = [sys.executable, "-c", measured, *worker, str(len(content)), "30", "60"]
        printed = subprocess.run(command, input=content, capture_output=True, check=True).stdout
        return int(printed) * (1 if sys.platform == "darwin" else 1024)

    async def test_the_worker_sees_nothing_of_the_gateways_environment(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        program = tmp_path / "worker.py"
        program.write_text("import os, json; print(json.dumps({'seconds': len(os.environ), 'longest': 0}))")
        monkeypatch.setattr(recording_length, "_WORKER", program)
        monkeypatch.setenv("STRIPE_API_KEY", "secret")
        assert (await length_of(b"")).decoded_s <= 1  # LC_CTYPE, which Python sets itself

    @pytest.mark.parametrize(
        "printed",
        ["{}", "no JSON", '{"seconds": -1}', '{"seconds": 1e99}', '{"seconds": NaN}', '{"error": 1}', ""],
    )
    async def test_what_a_worker_prints_is_not_trusted(
        self, printed: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        program = tmp_path / "worker.py"
        program.write_text(f"print({printed!r})")
        monkeypatch.setattr(recording_length, "_WORKER", program)
        assert "it is damaged, or has no sound" in await refusal_of(b"")


class TestTheWorkers:
    async def test_a_worker_without_ffmpeg_is_our_fault(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        program = tmp_path / "worker.py"
        program.write_text("import no_such_module")
        monkeypatch.setattr(recording_length, "_WORKER", program)
        with pytest.raises(RuntimeError, match="no_such_module"):
            await length_of(b"")

    async def test_more_than_can_wait_are_refused(self) -> None:
        decoder = RecordingDecoder(workers=1, waiting_max=1)
        content = recorded.recorded("wav", 1)
        found = await asyncio.gather(*(decoder.length_of(content) for _ in range(3)), return_exceptions=True)
        assert [type(one) for one in found] == [Length, Length, Unavailable]
        assert (await decoder.length_of(content)).decoded_s == 1

    async def test_the_event_loop_goes_on_meanwhile(self) -> None:
        decoding = asyncio.create_task(length_of(recorded.recorded("opus", 60, silent=True) * 10))
        turns = 0
        while not decoding.done():
            turns += 1
            await asyncio.sleep(0)
        assert decoding.result().decoded_s == pytest.approx(600, abs=10 * PADDING_S)
        assert turns > 100


def test_a_minute_is_decoded_in_much_less_than_a_second() -> None:
    """Opus is the slowest: 60 ms on the machine of ADR 0018. Ten times as much is a mistake of ours."""
    content = recorded.recorded("webm", 60)
    before_s = cpu_s()
    measure(content, 3_600)
    assert cpu_s() - before_s < 0.6


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"ID3\x04\x00\x00\x00\x00\x00\x02..fLaC", "flac"),
        (b"ID3\x04\x00\x00\x00\x00\x00\x02..\xff\xf1\x50", "aac"),
        (b"ID3\x04\x00\x00\x00\x00\x00\x02..\xff\xfb\x90", "mp3"),
        (b"ID3\x04\x00\x00\x00\x00\x7f\x02..", "mp3"),
        (b"\xff\xf1\x50", "aac"),
        (b"\xff\xfb\x90", "mp3"),
        (b"RF64....WAVE", "wav"),
        (b"....ftypqt  ", "mp4"),
    ],
)
def test_one_format_is_tried(content: bytes, name: str) -> None:
    assert format_of(content) == name


@pytest.mark.parametrize("content", [b"", b"\xff", b"\xff\x00\x00", b"ID3", b"PK\x03\x04", b"#EXTM3U"])
def test_no_other_format_is(content: bytes) -> None:
    with pytest.raises(Unmeasured):
        format_of(content)
