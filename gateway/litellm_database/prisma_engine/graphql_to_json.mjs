// prisma-client-py speaks the engine's old GraphQL protocol, the WASM engine only the JSON one.
// https://github.com/prisma/prisma-engines/blob/5.17.0/query-engine/request-handlers/src/protocols/json/body.rs

import { parse } from "graphql";
import { BadRequest } from "./errors.mjs";
import { ofFields, plain } from "./typed_values.mjs";

// Longest first where one is the beginning of another.
const ACTIONS = [
  "createManyAndReturn", "createMany", "createOne", "updateMany", "updateOne", "upsertOne", "deleteMany",
  "deleteOne", "findUnique", "findFirst", "findMany", "aggregate", "groupBy",
];
const RAW_ACTIONS = new Set(["queryRaw", "executeRaw"]);
const OVER_FIELDS = new Set(["where", "data", "create", "update", "cursor", "having"]);

/**
 * One GraphQL document with one root field → the engine's JSON and what the answer is to be called.
 * `models` is what `readModels` found. Throws BadRequest for what is not such a document.
 */
export function translate(document, models) {
  const field = rootField(document);
  const { action, modelName } = actionOf(field.name.value);
  const model = modelName === null ? "" : `"modelName":${JSON.stringify(modelName)},`;
  return {
    json: `{${model}"action":"${action}","query":${fieldQuery(field, modelName, models)}}`,
    alias: field.alias?.value ?? field.name.value,
    isRaw: RAW_ACTIONS.has(action),
  };
}

function rootField(document) {
  let definitions;
  try {
    definitions = parse(document, { noLocation: true }).definitions;
  } catch (error) {
    throw new BadRequest(`The query is not GraphQL: ${error.message}`);
  }
  const fields = definitions.length === 1 ? definitions[0].selectionSet?.selections ?? [] : [];
  if (fields.length !== 1 || fields[0].kind !== "Field") {
    throw new BadRequest("The query must have exactly one root field.");
  }
  return fields[0];
}

function actionOf(name) {
  if (RAW_ACTIONS.has(name)) return { action: name, modelName: null };
  const action = ACTIONS.find((candidate) => name.startsWith(candidate));
  if (action === undefined || name.length === action.length) {
    throw new BadRequest(`The engine has no operation ${name}.`);
  }
  const rest = name.slice(action.length);
  if ((action === "findUnique" || action === "findFirst") && rest.endsWith("OrThrow")) {
    return { action: `${action}OrThrow`, modelName: rest.slice(0, -"OrThrow".length) };
  }
  return { action, modelName: rest };
}

function fieldQuery(field, model, models) {
  return `{"arguments":${members(field.arguments, model, models)},"selection":${selection(field, model, models)}}`;
}

function members(nodes, model, models) {
  const member = ({ name, value }) =>
    `"${name.value}":${OVER_FIELDS.has(name.value) ? ofFields(value, model, models) : plain(value)}`;
  return `{${(nodes ?? []).map(member).join(",")}}`;
}

function selection({ selectionSet }, model, models) {
  const fields = (selectionSet?.selections ?? []).map((field) => {
    if (field.kind !== "Field") throw new BadRequest("Fragments are not supported.");
    const related = models.get(model)?.get(field.name.value)?.model ?? null;
    return `"${field.name.value}":${isPlain(field) ? "true" : fieldQuery(field, related, models)}`;
  });
  return `{${fields.join(",")}}`;
}

function isPlain(field) {
  return field.selectionSet === undefined && !field.arguments?.length;
}
