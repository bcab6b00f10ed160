import pytest

from billing.proxy.streams.events import OPEN_BYTES_MAX, EventSplitter, data_of, event_of

STREAM = b'data: {"a": 1}\n\n: ping\n\nevent: x\r\ndata: {"b": "\xc3\xa9"}\r\n\r\ndata: [DONE]\n\n'


class TestEventSplitter:
    @pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
    def test_finds_the_same_events_wherever_the_pieces_begin(self, size: int) -> None:
        splitter = EventSplitter()
        events = [
            event
            for start in range(0, len(STREAM), size)
            for event in splitter.feed(STREAM[start : start + size])
        ]
        assert len(events) == 4
        assert b"".join(events) == STREAM
        assert splitter.rest() == b""

    def test_keeps_what_was_begun(self) -> None:
        splitter = EventSplitter()
        assert list(splitter.feed(b"data: {")) == []
        assert splitter.rest() == b"data: {"
        assert splitter.rest() == b""

    def test_does_not_keep_an_endless_event(self) -> None:
        splitter = EventSplitter()
        endless = b"data: " + b"x" * (OPEN_BYTES_MAX + 1)
        assert list(splitter.feed(endless)) == [endless]


class TestDataOf:
    def test_is_the_object_of_an_event(self) -> None:
        assert data_of(b'event: x\ndata: {"a":\ndata: 1}\n\n') == {"a": 1}

    @pytest.mark.parametrize("event", [b": ping\n\n", b"data: [DONE]\n\n", b"event: ping\n\n"])
    def test_is_nothing_where_there_is_none(self, event: bytes) -> None:
        assert data_of(event) is None

    @pytest.mark.parametrize("event", [b"data: words\n\n", b"data: [1]\n\n", b"no field at all\n\n"])
    def test_is_the_bytes_of_what_is_no_object(self, event: bytes) -> None:
        assert isinstance(data_of(event), bytes)

    def test_reads_what_is_written(self) -> None:
        assert data_of(event_of({"a": "é"}, "name")) == {"a": "é"}
