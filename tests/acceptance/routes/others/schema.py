"""Examples of JSON schemas, in which every text is somebody's."""

from __future__ import annotations

from tests.acceptance.routes.others.identity import Speaker, entity_of

Json = dict[str, object]
_PEOPLE_AND_THINGS = {"user", "email", "team", "team_alias", "key", "key_alias"}


def example(name: str, schema: Json, speaker: Speaker, root: Json | None = None) -> object:
    """A value of the schema: what is required, and every id that the speaker has an answer for."""
    root = root or schema

    def inner(key: str, part: object) -> object:
        assert isinstance(part, dict)
        return example(key, part, speaker, root)

    match schema:
        case {"$ref": str(reference)}:
            definitions = root["$defs"]
            assert isinstance(definitions, dict)
            return inner(name, definitions[reference.rpartition("/")[2]])
        case {"anyOf": [first, *_]}:
            return inner(name, first)
        case {"enum": [first, *_]} | {"const": first}:
            return first
        case {"type": "array"}:
            return [inner(name, schema.get("items") or {"type": "string"})]
        case {"type": "object", "properties": dict(properties)}:
            required = schema.get("required", ())
            assert isinstance(required, list | tuple)
            wanted = {key for key in properties if key in required or _names_something(key)}
            return {key: inner(key, part) for key, part in properties.items() if key in wanted}
        case {"type": "object"}:
            return {"note": speaker.value(name)}
        case {"type": "integer" | "number"}:
            return schema.get("maximum", 100)
        case {"type": "boolean"}:
            return True
        case _:
            return speaker.value(name)


def is_text(schema: Json) -> bool:
    """Whether a text, or a list of some, fits."""
    choices = schema.get("anyOf", [schema])
    assert isinstance(choices, list)
    return any(choice.get("type") in {"string", "array"} for choice in choices)


def _names_something(name: str) -> bool:
    return entity_of(name) in _PEOPLE_AND_THINGS or name.endswith(("_id", "_ids"))
