"""What somebody who is curious about another customer would send to a route, made from its parameters."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from urllib.parse import quote

from tests.acceptance.routes.others.identity import (
    KEYS,
    PEOPLE,
    TEAMS,
    Identity,
    Mixed,
    Speaker,
    entity_of,
)
from tests.acceptance.routes.others.schema import Json, example, is_text

_TODAY = datetime.now(UTC).date()
_DAYS = timedelta(days=2)
# Parameters that say which of the rows that may be seen are shown: they are in every guess.
_WINDOW = {
    "start_date": f"{_TODAY - _DAYS}",
    "end_date": f"{_TODAY + _DAYS}",
    "since": f"{_TODAY - _DAYS}T00:00:00Z",
    "until": f"{_TODAY + _DAYS}T00:00:00Z",
    "page": "1",
    "size": "100",
    "page_size": "100",
    "limit": "100",
}
_WILD = "%"
_NO_TEXTS: Mapping[str, str] = MappingProxyType({})
# A route that reads the request by itself declares no parameters.
_UNDECLARED = """
    user_id user_ids user user_email key keys api_key key_alias key_aliases team_id team_ids team_alias tag
    tags name model models request_id response_id end_user customer_id organization_id project_id
""".split()  # noqa: SIM905  # as a list it fills a page


@dataclass(frozen=True)
class Parameter:
    """One parameter of a route."""

    name: str
    place: str  # query, path, body or form
    schema: Json
    required: bool

    @property
    def names_something(self) -> bool:
        """Whether its value may be the other customer's."""
        return is_text(self.schema) and self.name not in _WINDOW


@dataclass(frozen=True)
class Guess:
    """One request; `about` is for the report."""

    about: str
    path: str
    query: dict[str, str]
    json: object = None
    form: dict[str, str] = field(default_factory=dict)

    @property
    def words(self) -> set[str]:
        """Every text in it, which an answer may repeat."""
        text = f"{self.path} {self.query} {self.json} {self.form}"
        return {*re.split(r"[^\w@.-]+", text), *re.split(r"[^\w.-]+", text)} - {""}


def parameters_of(declared: Mapping[str, Mapping[str, Json]]) -> list[Parameter]:
    """The parameters as `walk_app.py` prints them."""
    found = []
    for place in ("query", "path", "body"):
        for name, each in declared[place].items():
            where = "form" if each["kind"] in {"Form", "File"} else place
            schema = each["schema"]
            assert isinstance(schema, dict)
            found.append(Parameter(name, where, schema, bool(each.get("required"))))
    return found


def path_with(path: str, speaker: Speaker) -> str:
    """The path of a request to this template."""
    return re.sub(r"{([^}:]*)[^}]*}", lambda found: quote(speaker.value(found[1]), safe=""), path)


def body_names(parameters: list[Parameter]) -> Iterator[str]:
    """The names of a body's fields, as far as the route declares them."""
    for each in parameters:
        if each.place in ("body", "form"):
            definitions = each.schema.get("$defs", {})
            assert isinstance(definitions, dict)
            objects = [each.schema, *definitions.values()]
            found = [name for schema in objects for name in schema.get("properties", ())]
            yield from found or [each.name]


@dataclass(frozen=True)
class Curious:
    """Makes the guesses that a customer can have about another."""

    own: Identity
    other: Identity

    def few(self, path: str, parameters: list[Parameter], *, has_body: bool) -> Iterator[Guess]:
        """Nothing, and everything of the other's, with what handlers ask for without declaring it."""
        theirs = _Sketch(path, parameters, self.other)
        yield theirs.guess("nothing", _none)
        everything = theirs.guess("everything", _all)
        if has_body and everything.json:
            yield everything
            yield theirs.undeclared()
        else:
            yield theirs.undeclared(everything, has_body=has_body)

    def many(self, path: str, parameters: list[Parameter], *, has_body: bool) -> Iterator[Guess]:
        """Those; one thing at a time; wildcards; the other's people among one's own teams and keys."""
        yield from self.few(path, parameters, has_body=has_body)
        for one in (each for each in parameters if each.place == "query" and each.names_something):
            theirs = frozenset({entity_of(one.name)})
            sketch = _Sketch(path, parameters, Mixed(self.own, self.other, theirs))
            yield sketch.guess(one.name, _asking_for(one))
            if "search" in one.name or "alias" in one.name:
                for text in (_WILD, self.other.mark):
                    yield sketch.guess(f"{one.name}={text}", _asking_for(one), {one.name: text})
        asked = {entity_of(name) for name in _names(path, parameters)}
        for group in (PEOPLE, KEYS, TEAMS):
            if asked & group and asked & (PEOPLE | KEYS | TEAMS) - group:
                mixed = _Sketch(path, parameters, Mixed(self.own, self.other, frozenset(group)))
                yield mixed.guess(f"own, but {'/'.join(sorted(group))}", _all)


class _Sketch:
    """A route with the path that is asked for."""

    def __init__(self, path: str, parameters: list[Parameter], speaker: Speaker) -> None:
        self._parameters = parameters
        self._speaker = speaker
        self._path = path_with(path, speaker)

    def guess(
        self, about: str, chosen: Callable[[Parameter], bool], texts: Mapping[str, str] = _NO_TEXTS
    ) -> Guess:
        """Always with what is required and the widest window; and with what is chosen."""
        query: dict[str, str] = {}
        form: dict[str, str] = {}
        body: Json = {}
        for each in self._parameters:
            if each.place == "path" or not (each.required or each.name in _WINDOW or chosen(each)):
                continue
            value = texts.get(each.name) or self._example(each)
            if each.place == "body":
                body[each.name] = value
            else:
                (query if each.place == "query" else form)[each.name] = _as_text(value)
        return Guess(about, self._path, query, self._unwrapped(body), form)

    def undeclared(self, declared: Guess | None = None, *, has_body: bool = True) -> Guess:
        """Names that handlers ask for without declaring them, beside the declared ones."""
        values = {name: self._speaker.value(name) for name in _UNDECLARED}
        body = {name: [value] if name.endswith("s") else value for name, value in values.items()}
        query = values | _WINDOW | (declared.query if declared else {})
        form = declared.form if declared else {}
        return Guess("everything", self._path, query, body if has_body and not form else None, form)

    def _example(self, parameter: Parameter) -> object:
        fixed = _WINDOW.get(parameter.name)
        return fixed if fixed is not None else example(parameter.name, parameter.schema, self._speaker)

    def _unwrapped(self, body: Json) -> object:
        """A single model is the body itself."""
        declared = [each for each in self._parameters if each.place == "body"]
        if not declared:
            return None
        return body.get(declared[0].name) if len(declared) == 1 else body


def _asking_for(one: Parameter) -> Callable[[Parameter], bool]:
    """One parameter, and who is asking, which some routes want to be told."""

    def chosen(each: Parameter) -> bool:
        return each is one or entity_of(each.name) == "user"

    return chosen


def _none(parameter: Parameter) -> bool:
    return False


def _all(parameter: Parameter) -> bool:
    return True


def _names(path: str, parameters: list[Parameter]) -> Iterator[str]:
    yield from re.findall(r"{([^}:]*)", path)
    for each in parameters:
        yield each.name
        yield from re.findall(r"'(\w+)': {", str(each.schema)) if each.place == "body" else ()


def _as_text(value: object) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
