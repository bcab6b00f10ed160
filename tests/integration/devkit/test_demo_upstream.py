"""The demo provider, as OpenAI's own SDK sees it."""

from __future__ import annotations

import base64
import contextlib
import math
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import httpx
import openai
import pytest
from openai.resources.realtime.realtime import RealtimeConnection
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.realtime import RealtimeServerEvent, ResponseDoneEvent
from websockets.exceptions import ConnectionClosedError

from devkit.demo_upstream import tokens
from devkit.run import ports
from tests.deadline import eventually

SLOW_CHUNK_S = 0.05
QUESTION = [{"role": "user", "content": "hello"}]


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", trust_env=False).is_success
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    port = ports.free_port()
    command = [sys.executable, "-m", "devkit.demo_upstream", "--port", str(port)]
    server = subprocess.Popen([*command, "--slow-chunk-s", str(SLOW_CHUNK_S)])
    address = f"http://127.0.0.1:{port}"
    try:
        eventually(lambda: _answers(address))
        yield address
    finally:
        server.terminate()
        assert server.wait(10) in (0, -15)


@pytest.fixture
def client(url: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key="any", base_url=f"{url}/v1", max_retries=0) as client:
        yield client


@pytest.fixture
def http(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, trust_env=False) as http:
        yield http


def _ask(client: openai.OpenAI, **fields: object) -> ChatCompletion:
    body = {"model": "demo-chat", "messages": QUESTION, **fields}
    return client.post("/chat/completions", body=body, cast_to=ChatCompletion)


def _stream(
    client: openai.OpenAI, model: str = "demo-chat", usage: bool = True
) -> Iterator[ChatCompletionChunk]:
    with client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": "hello"}],
        stream=True,
        stream_options={"include_usage": usage},
    ) as stream:
        yield from stream


class TestChat:
    def test_the_same_request_has_the_same_answer_under_an_id_of_its_own(self, client: openai.OpenAI) -> None:
        first, second = _ask(client), _ask(client)

        assert first.choices[0].message.content == second.choices[0].message.content
        assert first.usage == second.usage
        assert first.id != second.id  # LiteLLM logs an id only once

    def test_usage_counts_the_tokens_of_the_answer(self, client: openai.OpenAI) -> None:
        answer = _ask(client)

        assert answer.usage is not None
        assert answer.choices[0].message.content is not None
        assert answer.usage.completion_tokens == tokens.count(answer.choices[0].message.content)
        assert answer.usage.prompt_tokens == 8  # as OpenAI counts "hello" from a user
        assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens

    @pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
    def test_the_output_limit_is_kept(self, client: openai.OpenAI, field: str) -> None:
        answer = _ask(client, **{field: 5})

        assert answer.usage is not None
        assert answer.usage.completion_tokens == 5
        assert answer.choices[0].finish_reason == "length"

    def test_n_choices_are_counted_together(self, client: openai.OpenAI) -> None:
        answer = _ask(client, n=3, max_tokens=5)

        assert answer.usage is not None
        assert [choice.index for choice in answer.choices] == [0, 1, 2]
        assert answer.usage.completion_tokens == 15

    def test_a_required_tool_is_called(self, client: openai.OpenAI) -> None:
        tool = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}

        answer = _ask(client, tools=[tool], tool_choice="required")

        assert answer.choices[0].finish_reason == "tool_calls"
        assert answer.choices[0].message.tool_calls is not None
        assert answer.choices[0].message.tool_calls[0].type == "function"
        assert answer.choices[0].message.tool_calls[0].function.name == "look"


class TestStream:
    def test_its_pieces_are_the_whole_answer(self, client: openai.OpenAI) -> None:
        whole = _ask(client)

        chunks = list(_stream(client))

        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        assert text == whole.choices[0].message.content
        assert chunks[-2].choices[0].finish_reason == "stop"

    def test_its_last_chunk_has_the_usage_of_the_whole_answer(self, client: openai.OpenAI) -> None:
        *others, last = _stream(client)

        assert last.choices == []
        assert last.usage == _ask(client).usage
        assert not any(chunk.usage for chunk in others)

    def test_without_asking_there_is_no_usage(self, client: openai.OpenAI) -> None:
        assert not any(chunk.usage for chunk in _stream(client, usage=False))

    def test_it_streams_tool_calls(self, client: openai.OpenAI) -> None:
        tool = {
            "type": "function",
            "function": {
                "name": "look",
                "parameters": {"properties": {"at": {"type": "string"}}, "required": ["at"]},
            },
        }
        body = {"model": "demo-chat", "messages": [{"role": "user", "content": "look"}], "tools": [tool]}
        with client.post(
            "/chat/completions",
            body={**body, "stream": True},
            cast_to=ChatCompletion,
            stream=True,
            stream_cls=openai.Stream[ChatCompletionChunk],
        ) as stream:
            deltas = [chunk.choices[0].delta for chunk in stream]

        calls = [call.function for delta in deltas for call in delta.tool_calls or () if call.function]
        assert calls[0].name == "look"
        assert "".join(call.arguments or "" for call in calls) == '{"at": "demo"}'


class TestModels:
    def test_demo_slow_takes_its_time_for_each_chunk(self, client: openai.OpenAI) -> None:
        began = time.monotonic()
        pieces = sum(
            1 for chunk in _stream(client, "demo-slow") if chunk.choices and chunk.choices[0].delta.content
        )

        assert time.monotonic() - began >= pieces * SLOW_CHUNK_S

    def test_demo_flaky_fails_each_request_once(self, client: openai.OpenAI) -> None:
        for content in ("first", "second"):
            messages = [{"role": "user", "content": content}]
            with pytest.raises(openai.InternalServerError):
                _ask(client, model="demo-flaky", messages=messages)
            assert _ask(client, model="demo-flaky", messages=messages).choices

    def test_demo_flaky_is_mended_by_a_client_that_retries(self, client: openai.OpenAI) -> None:
        assert _ask(client.with_options(max_retries=1), model="demo-flaky").choices

    def test_demo_broken_closes_the_connection_in_the_middle_of_a_stream(self, client: openai.OpenAI) -> None:
        seen: list[ChatCompletionChunk] = []

        with pytest.raises(httpx.RemoteProtocolError):
            seen.extend(_stream(client, "demo-broken"))

        assert 1 < len(seen) < 10

    def test_demo_broken_closes_the_connection_in_the_middle_of_an_answer(
        self, client: openai.OpenAI
    ) -> None:
        with pytest.raises(openai.APIConnectionError):
            _ask(client, model="demo-broken")

    def test_demo_no_usage_hides_it(self, client: openai.OpenAI) -> None:
        assert not any(chunk.usage for chunk in _stream(client, "demo-no-usage"))
        assert _ask(client, model="demo-no-usage").usage is None

    def test_all_are_listed(self, client: openai.OpenAI) -> None:
        names = {model.id for model in client.models.list()}

        assert {"demo-chat", "demo-large", "demo-slow", "demo-flaky", "demo-broken"} <= names
        assert {"demo-no-usage", "demo-embed", "demo-unpriced"} <= names


class TestOtherEndpoints:
    def test_plain_completions_answer_each_prompt(self, client: openai.OpenAI) -> None:
        answer = client.completions.create(model="demo-chat", prompt=["one", "two"], max_tokens=5)

        assert answer.usage is not None
        assert len(answer.choices) == 2
        assert answer.usage.completion_tokens == 10

    def test_plain_completions_stream(self, client: openai.OpenAI) -> None:
        with client.completions.create(model="demo-chat", prompt="one", max_tokens=5, stream=True) as stream:
            texts = [chunk.choices[0].text for chunk in stream]

        assert len([text for text in texts if text]) == 5

    @pytest.mark.parametrize("encoding", ["float", "base64"])
    def test_embeddings_are_unit_vectors_in_either_encoding(
        self, client: openai.OpenAI, encoding: str
    ) -> None:
        extra = {"encoding_format": encoding} if encoding == "float" else {}
        answer = client.embeddings.create(
            model="demo-embed", input=["hello world", "hello"], dimensions=64, extra_body=extra
        )

        assert answer.usage.prompt_tokens == 3
        assert [len(one.embedding) for one in answer.data] == [64, 64]
        assert math.isclose(sum(value**2 for value in answer.data[0].embedding), 1, rel_tol=1e-4)
        assert answer.data[0].embedding != answer.data[1].embedding

    def test_token_ids_count_themselves(self, client: openai.OpenAI) -> None:
        assert client.embeddings.create(model="demo-embed", input=[1, 2, 3]).usage.prompt_tokens == 3


class TestErrors:
    @pytest.mark.parametrize("model", ["no-such-model", "demo-embed"])
    def test_a_model_that_does_not_chat_is_not_found(self, client: openai.OpenAI, model: str) -> None:
        with pytest.raises(openai.NotFoundError):
            _ask(client, model=model)

    @pytest.mark.parametrize(
        "body", [b"", b"{", b"[]", b'{"model": "demo-chat"}', b'{"model": 1, "messages": []}']
    )
    def test_a_bad_body_is_400_in_openais_shape(self, http: httpx.Client, body: bytes) -> None:
        answer = http.post("/v1/chat/completions", content=body)

        assert answer.status_code == 400
        assert answer.json()["error"]["type"] == "invalid_request_error"

    @pytest.mark.parametrize("field", ["max_tokens", "n"])
    @pytest.mark.parametrize("value", [0, -1, 10**9, "many"])
    def test_a_limit_out_of_bounds_is_400(self, client: openai.OpenAI, field: str, value: object) -> None:
        with pytest.raises(openai.BadRequestError):
            _ask(client, **{field: value})


class TestRealtime:
    """Conversations over a WebSocket, through the SDK's own connection and event types."""

    @pytest.fixture
    def connect(self, url: str) -> Iterator[Callable[[str], RealtimeConnection]]:
        address = f"{url.replace('http', 'ws', 1)}/v1"
        with (
            openai.OpenAI(api_key="any", websocket_base_url=address) as client,
            contextlib.ExitStack() as stack,
        ):
            yield lambda model: stack.enter_context(client.realtime.connect(model=model))

    def test_answers_a_text_and_says_what_it_used(self, connect: Callable[[str], RealtimeConnection]) -> None:
        connection = connect("demo-realtime")
        assert connection.recv().type == "session.created"
        connection.conversation.item.create(
            item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hello"}]}
        )
        connection.send({"type": "response.create"})
        done = _until(connection, "response.done")
        assert isinstance(done, ResponseDoneEvent)
        assert done.response.status == "completed"
        usage = done.response.usage
        assert usage is not None
        assert usage.input_tokens
        assert usage.output_tokens
        assert usage.total_tokens == usage.input_tokens + usage.output_tokens

    def test_hears_audio_and_answers_by_itself(self, connect: Callable[[str], RealtimeConnection]) -> None:
        connection = connect("demo-realtime")
        second = base64.b64encode(bytes(48_000)).decode()
        connection.send({"type": "input_audio_buffer.append", "audio": second})
        connection.send({"type": "input_audio_buffer.commit"})
        done = _until(connection, "response.done")
        assert isinstance(done, ResponseDoneEvent)
        assert done.response.usage is not None
        assert done.response.usage.input_token_details is not None
        assert done.response.usage.input_token_details.audio_tokens == 10

    def test_a_cancelled_answer_says_what_it_used(self, connect: Callable[[str], RealtimeConnection]) -> None:
        connection = connect("demo-slow")
        connection.send({"type": "response.create"})
        _until(connection, "response.output_text.delta")
        connection.send({"type": "response.cancel"})
        done = _until(connection, "response.done")
        assert isinstance(done, ResponseDoneEvent)
        assert done.response.status == "cancelled"
        assert done.response.usage is not None
        assert done.response.usage.output_tokens

    def test_the_broken_model_leaves_in_the_middle(
        self, connect: Callable[[str], RealtimeConnection]
    ) -> None:
        connection = connect("demo-broken")
        connection.send({"type": "response.create"})
        with pytest.raises(ConnectionClosedError):
            _until(connection, "response.done")


def _until(connection: RealtimeConnection, kind: str) -> RealtimeServerEvent:
    """The next event of that kind, after the others."""
    for event in connection:
        if event.type == kind:
            return event
    raise ConnectionClosedError(None, None)


class TestCountingBeforehand:
    def test_says_what_the_answer_will_report(self, client: openai.OpenAI) -> None:
        asked = client.responses.input_tokens.count(model="demo-chat", input="hello there")
        answer = client.responses.create(model="demo-chat", input="hello there")
        assert answer.usage is not None
        assert asked.input_tokens == answer.usage.input_tokens > 0
