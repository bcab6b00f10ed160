"""Promise 1 for what is no text: hold ≥ LiteLLM's own cost, over the models of its price map."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from io import BytesIO
from typing import Any

import pytest

from billing.errors import BadRequest, ModelNotPriced
from billing.prices.detail import charge_nanos_of
from billing.prices.rule import PriceRule
from billing.proxy.max_cost import MaxCost
from billing.proxy.max_cost.images import TOKENS_AN_IMAGE
from billing.settings import Settings
from devkit.demo_upstream.media import silence
from tests.recorded import recorded
from tests.unit.proxy.max_cost.conftest import MaxCostOf

pytestmark = pytest.mark.filterwarnings("ignore:.*`ReadOnly` qualifier:UserWarning")

Body = dict[str, Any]
MaxCostFor = Callable[[Body, str], MaxCost | None]
RULE = PriceRule()
MODES = ("image_generation", "audio_speech", "audio_transcription", "rerank", "ocr")
PROVIDERS = (
    "openai", "azure", "azure_ai", "aiml", "recraft", "xai", "minimax", "elevenlabs", "mistral", "groq",
    "deepgram", "cohere", "jina_ai", "voyage", "together_ai",
)  # fmt: skip
SIZES = (None, "auto", "256x256", "512x512", "1024x1024", "1536x1024", "1024x1792", "1792x1024")
QUALITIES = (None, "standard", "hd", "low", "medium", "high")


def names_of(litellm: Any, mode: str, providers: tuple[str, ...]) -> list[str]:
    """Models of a mode as a deployment would name them: provider and the last part of the map's name."""
    prices: Mapping[str, Mapping[str, Any]] = litellm.model_cost
    names = {
        f"{entry['litellm_provider']}/{name.rsplit('/', 1)[-1]}"
        for name, entry in prices.items()
        if entry.get("mode") == mode and entry.get("litellm_provider") in providers
    }
    return sorted(names)


@pytest.fixture(scope="module")
def max_cost(litellm: Any, bounded: MaxCostOf) -> MaxCostFor:
    """Bounds a call on a model of the map; None where billing refuses it."""
    names = {name for mode in MODES for name in names_of(litellm, mode, PROVIDERS)} | {"openai/dall-e-3"}
    rows = [{"model_name": name, "litellm_params": {"model": name, "api_key": "none"}} for name in names]
    models = litellm.Router(model_list=rows)

    def run(body: Body, call_type: str) -> MaxCost | None:
        try:
            return bounded(body, router=models, call_type=call_type)
        except ModelNotPriced:
            return None

    return run


def cost_of(litellm: Any, response: object, name: str, call_type: str, **fields: object) -> float:
    model, provider, _, _ = litellm.get_llm_provider(model=name)
    cost: float = litellm.completion_cost(
        completion_response=response, model=model, custom_llm_provider=provider, call_type=call_type, **fields
    )
    return cost


class TestImages:
    def asks(self) -> Iterator[Body]:
        for size, quality, count in itertools.product(SIZES, QUALITIES, (None, 3)):
            asked = {"size": size, "quality": quality, "n": count}
            yield {"prompt": "a cat", **{name: value for name, value in asked.items() if value is not None}}

    def test_of_every_model_priced_by_the_image(self, litellm: Any, max_cost: MaxCostFor) -> None:
        costs = []
        names = names_of(litellm, "image_generation", ("openai", "azure", "aiml", "recraft", "xai"))
        for name, ask in itertools.product(names, self.asks()):
            found = max_cost({**ask, "model": name}, "image_generation")
            if found is None or "gpt-image" in name:
                continue
            images = [litellm.ImageObject(url="https://x/y")] * ask.get("n", 1)
            size = None if ask.get("size") == "auto" else ask.get("size")
            response = litellm.ImageResponse(created=1, data=images)
            fields = {"size": size, "quality": ask.get("quality"), "n": ask.get("n")}
            with suppress(Exception):  # no price for the combination: such a call is charged at its hold
                cost = cost_of(litellm, response, name, "image_generation", **fields)
                costs.append((name, ask, charge_nanos_of(cost, RULE), found.amount_nanos()))
        assert [row for row in costs if row[2] > row[3]] == []
        covered = {name for name, *_ in costs}
        assert {"azure/dall-e-3", "aiml/dall-e-3", "xai/grok-imagine-image"} <= covered

    def test_a_model_that_litellm_has_no_price_for_is_refused(self, max_cost: MaxCostFor) -> None:
        """The map prices dall-e-3 of Azure, not of OpenAI."""
        assert max_cost({"model": "azure/dall-e-3", "prompt": "x"}, "image_generation") is not None
        assert max_cost({"model": "openai/dall-e-3", "prompt": "x"}, "image_generation") is None

    @pytest.mark.parametrize("inputs", [0, 2])
    def test_of_models_priced_by_tokens(self, inputs: int, litellm: Any, max_cost: MaxCostFor) -> None:
        usage = litellm.types.utils.ImageUsage(
            input_tokens=5 + TOKENS_AN_IMAGE * inputs,
            input_tokens_details=litellm.types.utils.ImageUsageInputTokensDetails(
                text_tokens=5, image_tokens=TOKENS_AN_IMAGE * inputs
            ),
            output_tokens=TOKENS_AN_IMAGE * 2,
            total_tokens=5 + TOKENS_AN_IMAGE * (inputs + 2),
        )
        response = litellm.ImageResponse(created=1, data=[litellm.ImageObject(url="u")] * 2, usage=usage)
        for name in ("openai/gpt-image-1", "openai/gpt-image-1-mini", "azure/gpt-image-1"):
            body: Body = {"model": name, "prompt": "five words of a prompt", "n": 2}
            found = max_cost({**body, "image": [object()] * inputs} if inputs else body, "aimage_edit")
            assert found is not None
            cost = cost_of(litellm, response, name, "aimage_edit")
            assert 0 < charge_nanos_of(cost, RULE) <= found.amount_nanos()

    def test_a_token_count_that_nobody_documents_is_refused(self, max_cost: MaxCostFor) -> None:
        assert max_cost({"model": "openai/gpt-image-2", "prompt": "x"}, "image_generation") is None

    @pytest.mark.parametrize(
        "wrong", [{"n": 0}, {"n": 11}, {"n": "2"}, {"size": "big"}, {"stream": True}, {"stream": "true"}]
    )
    def test_bad_input_is_400(self, wrong: Body, max_cost: MaxCostFor) -> None:
        with pytest.raises(BadRequest):
            max_cost({"model": "azure/dall-e-3", "prompt": "x", **wrong}, "image_generation")

    @pytest.mark.parametrize("prompt", [{}, {"prompt": None}, {"prompt": ""}, {"prompt": ["x"]}], ids=str)
    def test_without_a_prompt_litellm_may_not_make_one_of_messages(
        self, prompt: Body, max_cost: MaxCostFor
    ) -> None:
        messages = [{"role": "user", "content": "a cat " * 1_000}]
        with pytest.raises(BadRequest, match="prompt"):
            max_cost({"model": "azure/dall-e-3", "messages": messages, **prompt}, "image_generation")


class TestSpeech:
    def test_of_every_model_priced_by_the_character_or_token(
        self, litellm: Any, max_cost: MaxCostFor
    ) -> None:
        text = "Four words, ümläuts and a naïve 日本 end. " * 20
        covered = set()
        for name in names_of(
            litellm, "audio_speech", ("openai", "azure", "minimax", "elevenlabs", "mistral")
        ):
            found = max_cost({"model": name, "input": text, "voice": "alloy"}, "aspeech")
            if found is None:
                continue
            covered.add(name)
            cost = cost_of(litellm, None, name, "aspeech", prompt=text)
            assert 0 < charge_nanos_of(cost, RULE) <= found.amount_nanos(), name
        assert {"openai/tts-1", "openai/tts-1-hd", "openai/gpt-4o-mini-tts"} <= covered

    def test_a_price_of_the_deployments_own_is_refused_since_litellm_ignores_it(
        self, router: Callable[..., Any], deployment: Callable[..., Any], bounded: MaxCostOf
    ) -> None:
        info = {"mode": "audio_speech", "input_cost_per_character": 1e-05}
        own = router(deployment("tts", "openai/my-tts", info=info))
        with pytest.raises(ModelNotPriced):
            bounded({"model": "tts", "input": "x"}, router=own, call_type="aspeech")


def recording(content: bytes) -> BytesIO:
    file = BytesIO(content)
    file.name = "recording.wav"
    return file


class TestTranscriptions:
    @pytest.mark.parametrize("seconds", [0.5, 59.9, 3_600.0])
    def test_of_every_model_priced_by_the_second(
        self, seconds: float, litellm: Any, max_cost: MaxCostFor
    ) -> None:
        file = recording(silence(seconds))
        covered = set()
        for name in names_of(litellm, "audio_transcription", ("openai", "azure", "groq", "deepgram")):
            body = {"model": name, "file": file}
            found = max_cost(body, "transcription")
            if found is None:
                continue
            covered.add(name)
            response = litellm.TranscriptionResponse(text="hello")
            response._hidden_params = {"audio_transcription_duration": seconds}
            cost = cost_of(litellm, response, name, "atranscription")
            assert charge_nanos_of(cost, RULE) <= found.amount_nanos(), name
        assert {"openai/whisper-1", "groq/whisper-large-v3"} <= covered

    @pytest.mark.parametrize(("seconds", "reported"), [(0.5, 10), (9.2, 10), (59.9, 60), (3_600.0, 3_601)])
    def test_of_the_seconds_that_a_provider_reports(
        self, seconds: float, reported: float, litellm: Any, max_cost: MaxCostFor
    ) -> None:
        """Rounded up, and to ten seconds where it bills no less: they come before the length of the file."""
        for name in ("openai/whisper-1", "groq/whisper-large-v3"):
            found = max_cost({"model": name, "file": recording(silence(seconds))}, "transcription")
            assert found is not None
            response = litellm.TranscriptionResponse(text="hello")
            response.usage = {"type": "duration", "seconds": reported}
            response._hidden_params = {"audio_transcription_duration": seconds}
            cost = cost_of(litellm, response, name, "atranscription")
            per_second = litellm.model_cost[name.removeprefix("openai/")]["input_cost_per_second"]
            assert cost == pytest.approx(reported * per_second)
            assert charge_nanos_of(cost, RULE) <= found.amount_nanos(), name

    def test_of_models_priced_by_tokens(self, litellm: Any, max_cost: MaxCostFor) -> None:
        found = max_cost(
            {"model": "openai/gpt-4o-transcribe", "file": recording(silence(600.0))}, "transcription"
        )
        assert found is not None
        audio_tokens, written = 600 * 10, litellm.model_cost["gpt-4o-transcribe"]["max_output_tokens"]
        response = litellm.TranscriptionResponse(text="hello")
        response.usage = litellm.types.utils.TranscriptionUsageTokensObject(
            type="tokens",
            input_tokens=audio_tokens,
            output_tokens=written,
            total_tokens=audio_tokens + written,
            input_token_details=litellm.types.utils.TranscriptionUsageInputTokenDetailsObject(
                audio_tokens=audio_tokens, text_tokens=0
            ),
        )
        cost = cost_of(litellm, response, "openai/gpt-4o-transcribe", "atranscription")
        assert 0 < charge_nanos_of(cost, RULE) <= found.amount_nanos()

    @pytest.mark.parametrize("name", ["m4a", "webm"])
    def test_a_file_that_litellm_cannot_measure_is_held_for_by_its_sound(
        self, name: str, max_cost: MaxCostFor
    ) -> None:
        found = max_cost(
            {"model": "openai/whisper-1", "file": recording(recorded(name, 60))}, "transcription"
        )
        assert found is not None
        assert 60 * 100_000 <= found.amount_nanos() <= 62 * 100_000  # at $0.0001
        assert found.recording_seconds == pytest.approx(60, abs=0.05)

    def test_a_file_that_nobody_can_measure_is_400(self, max_cost: MaxCostFor) -> None:
        with pytest.raises(BadRequest, match="not supported"):
            max_cost({"model": "openai/whisper-1", "file": recording(b"?" * 500_000)}, "transcription")

    @pytest.mark.parametrize("wrong", [{"file": None}, {"file": "https://x/y"}, {"stream": "true"}])
    def test_bad_input_is_400(self, wrong: Body, max_cost: MaxCostFor) -> None:
        with pytest.raises(BadRequest):
            max_cost({"model": "openai/whisper-1", "file": recording(silence(1.0)), **wrong}, "transcription")


class TestRerank:
    @pytest.mark.parametrize("documents", [["short"], ["short"] * 1_000, ["word " * 2_000] * 3])
    def test_of_every_model_priced_by_the_search_or_token(
        self, documents: list[str], litellm: Any, max_cost: MaxCostFor
    ) -> None:
        """Cohere splits documents into chunks of 500 tokens, and bills 100 of them as a search."""
        tokens = sum(len(document.split()) + 20 for document in documents) * 2
        chunks = sum(1 + len(document.split()) // 400 for document in documents)
        billed = {"search_units": -(-chunks // 100), "total_tokens": tokens}
        covered = set()
        for name in names_of(litellm, "rerank", ("cohere", "azure_ai", "jina_ai", "voyage", "together_ai")):
            found = max_cost(
                {"model": name, "query": "a query of some words", "documents": documents}, "rerank"
            )
            if found is None:
                continue
            covered.add(name.split("/", 1)[0])
            response = litellm.RerankResponse(id="r", results=[], meta={"billed_units": billed})
            cost = cost_of(litellm, response, name, "arerank")
            if name.startswith(("cohere", "azure_ai")):
                assert 0 < charge_nanos_of(cost, RULE) <= found.amount_nanos(), name
        assert "cohere" in covered

    @pytest.mark.parametrize("documents", [None, [], "text", ["x"] * 10_001])
    def test_bad_input_is_400(self, documents: object, max_cost: MaxCostFor) -> None:
        with pytest.raises(BadRequest):
            max_cost({"model": "cohere/rerank-v3.5", "query": "q", "documents": documents}, "rerank")


class TestPages:
    @pytest.mark.parametrize(
        ("more", "pages"),
        [
            ({"document": {"type": "image_url", "image_url": "u"}}, 1),
            ({"document": {"type": "image_url", "image_url": "u"}, "pages": list(range(50))}, 50),
            ({"document": {"type": "document_url"}, "pages": [0, 4]}, 2),
            ({"document": {"type": "document_url"}}, 1_000),
        ],
    )
    def test_of_every_model_priced_by_the_page(
        self, more: Body, pages: int, litellm: Any, max_cost: MaxCostFor
    ) -> None:
        from litellm.llms.base_llm.ocr.transformation import OCRResponse, OCRUsageInfo

        notes = {"document_annotation_format": {"type": "json_schema"}}
        for name in names_of(litellm, "ocr", ("mistral", "cohere")):
            for annotated in ({}, notes):
                found = max_cost({"model": name, **more, **annotated}, "aocr")
                assert found is not None, name
                usage = OCRUsageInfo(
                    pages_processed=pages, pages_processed_annotation=pages if annotated else None
                )
                response = OCRResponse(pages=[], model=name, usage_info=usage)
                cost = cost_of(litellm, response, name, "aocr")
                assert 0 < charge_nanos_of(cost, RULE) <= found.amount_nanos(), name

    def test_that_are_chosen_count_only_where_the_provider_is_known_to_heed_it(
        self, max_cost: MaxCostFor
    ) -> None:
        chosen = {"document": {"type": "document_url"}, "pages": [3]}
        heeded, unheeded = (
            max_cost({"model": name, **chosen}, "aocr")
            for name in ("mistral/mistral-ocr-latest", "cohere/parse-v5.0")
        )
        assert heeded is not None
        assert unheeded is not None
        assert unheeded.amount_nanos() > 100 * heeded.amount_nanos()

    @pytest.mark.parametrize("document", ["document_url", "image_url"])
    @pytest.mark.parametrize("pages", [[], "1-3", [0] * 1_001, 5, ["0-999"], [0, -1], [True], [1.0], [None]])
    def test_bad_input_is_400(self, pages: object, document: str, max_cost: MaxCostFor) -> None:
        body = {"model": "mistral/mistral-ocr-latest", "document": {"type": document}, "pages": pages}
        with pytest.raises(BadRequest):
            max_cost(body, "aocr")


@pytest.mark.parametrize("model", [None, "", "a,b", ["a"]])
@pytest.mark.parametrize("call_type", ["image_generation", "aspeech", "transcription", "rerank", "aocr"])
def test_what_does_not_name_one_model_is_400(call_type: str, model: object, max_cost: MaxCostFor) -> None:
    with pytest.raises(BadRequest, match="one model"):
        max_cost({"model": model}, call_type)


class TestTextsThatAreCountedByTheByte:
    WORDS = "Quite ordinary words of English, which take about four bytes a token. " * 50

    @pytest.mark.parametrize(
        ("call_type", "model", "body"),
        [
            ("image_generation", "openai/gpt-image-1", {"prompt": WORDS}),
            ("aspeech", "openai/gpt-4o-mini-tts", {"input": WORDS, "voice": "alloy"}),
            ("transcription", "openai/gpt-4o-transcribe", {"prompt": WORDS}),
            ("rerank", "cohere/rerank-v3.5", {"query": "words", "documents": [WORDS * 20]}),
        ],
    )
    def test_strict_mode_holds_for_their_bytes(
        self, call_type: str, model: str, body: Body, litellm: Any, bounded: MaxCostOf
    ) -> None:
        rows = [{"model_name": "m", "litellm_params": {"model": model, "api_key": "none"}}]
        models = litellm.Router(model_list=rows)
        if call_type == "transcription":
            body = {**body, "file": recording(silence(1.0))}

        counted, by_bytes, strict = (
            bounded(
                {**body, "model": "m"}, router=models, call_type=call_type, settings=settings
            ).amount_nanos()
            for settings in (
                Settings(_env_file=None),
                Settings(_env_file=None, billing_input_bound="bytes"),
                Settings(_env_file=None, billing_strict=True),
            )
        )
        assert strict == by_bytes > counted
