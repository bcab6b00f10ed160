// GraphQL values → the JSON protocol's, as text, so that a number passes as the digits the client sent.
// GraphQL sends a Json or Bytes field as a plain string; the JSON protocol would take it for a string.

import { BadRequest } from "./errors.mjs";

// In the value of a relation, these hold `where`, `data`, `create`, … again, not yet the other model's fields.
const ENVELOPES = new Set(["upsert", "connectOrCreate", "createMany", "updateMany"]);
// In a filter on a Json field, these hold no JSON.
const PLAIN_JSON_FILTERS = new Set(["path", "mode", "string_contains", "string_starts_with", "string_ends_with"]);

/** A value whose type the protocols write alike. */
export function plain(node) {
  switch (node.kind) {
    case "StringValue":
    case "EnumValue": // the JSON protocol has strings for enums; NaN and Infinity land here and are refused by type
      return JSON.stringify(node.value);
    case "IntValue":
      return node.value;
    case "FloatValue": // as a JSON number the engine would keep 16 of its 17 digits
      return `{"$type":"Decimal","value":"${node.value}"}`;
    case "BooleanValue":
      return String(node.value);
    case "NullValue":
      return "null";
    case "ListValue":
      return `[${node.values.map(plain).join(",")}]`;
    case "ObjectValue":
      return object(node, (member) => plain(member.value));
    default:
      throw new BadRequest("Variables are not supported.");
  }
}

/** A filter or data object over the fields of `model`. */
export function ofFields(node, model, models) {
  return nested(node, ({ name, value }) => {
    const field = models.get(model)?.get(name.value);
    if (field === undefined) return ofFields(value, model, models); // AND, OR, NOT, a compound key
    if (field.tag) return tagged(value, field.tag);
    return field.model ? ofRelation(value, field.model, models) : plain(value);
  });
}

/** The value of a relation to `model`: `create`, `connect`, `some`, …, each over its fields. */
function ofRelation(node, model, models) {
  return nested(node, ({ name, value }) =>
    ENVELOPES.has(name.value) || (name.value === "update" && isEnvelope(value, models.get(model)))
      ? ofRelation(value, model, models)
      : ofFields(value, model, models),
  );
}

// `update` holds the fields themselves, or `{ where, data }`.
function isEnvelope(node, fields) {
  const first = node.kind === "ListValue" ? node.values[0] : node;
  const names = new Set(first?.fields?.map((member) => member.name.value));
  return names.has("data") && (names.has("where") || !fields?.has("data"));
}

function tagged(node, tag) {
  if (node.kind === "StringValue") return `{"$type":"${tag}","value":${JSON.stringify(node.value)}}`;
  return nested(node, ({ name, value }) =>
    PLAIN_JSON_FILTERS.has(name.value) ? plain(value) : tagged(value, tag),
  );
}

function nested(node, member) {
  if (node.kind === "ListValue") return `[${node.values.map((item) => nested(item, member)).join(",")}]`;
  return node.kind === "ObjectValue" ? object(node, member) : plain(node);
}

function object(node, member) {
  return `{${node.fields.map((field) => `"${field.name.value}":${member(field)}`).join(",")}}`;
}
