// The WASM engine's answers → what prisma-client-py reads from the native engine.

import { withDriverErrors, wrapped } from "./errors.mjs";

/** The engine's answer to one request, as text → the GraphQL protocol's, as text. */
export function answerOne(text, request, engine) {
  if (request.isRaw) {
    const head = /^\{"data":\{"(?:queryRaw|executeRaw)":/.exec(text);
    // Raw rows pass as they are: they are not tagged, and their JSON columns may hold any number.
    if (head) return `{"data":{${JSON.stringify(request.alias)}:${text.slice(head[0].length)}`;
  }
  return JSON.stringify(single(JSON.parse(text), request, engine));
}

/** The same for a batch: one answer a request, or one list of errors for all. */
export function answerBatch(text, requests, engine) {
  const answer = JSON.parse(text);
  const errors = errorsOf(answer, engine);
  if (errors) return JSON.stringify({ errors });
  return JSON.stringify({
    batchResult: answer.batchResult.map((item, index) => single(item, requests[index], engine)),
  });
}

/** The engine's answer about a transaction; the error, if it is one, in `errors`. */
export function answerTransaction(text, engine) {
  const answer = JSON.parse(text);
  if (answer.error_code === undefined) return JSON.stringify(answer);
  return JSON.stringify({ errors: [withDriverErrors(wrapped(answer), engine.errorRegistry, engine.limits)] });
}

function single(answer, request, engine) {
  const errors = errorsOf(answer, engine);
  if (errors) return { errors };
  const [result] = Object.values(answer.data);
  return { data: { [request.alias]: request.isRaw ? result : untagged(result) } };
}

function errorsOf(answer, engine) {
  if (answer.error_code !== undefined) return [withDriverErrors(wrapped(answer), engine.errorRegistry, engine.limits)];
  return answer.errors?.map((error) => withDriverErrors(error, engine.errorRegistry, engine.limits));
}

/** `{"$type": "DateTime", "value": "…"}` → `"…"`, at any depth. */
function untagged(value) {
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(untagged);
  if ("$type" in value) return value.value;
  for (const key in value) value[key] = untagged(value[key]);
  return value;
}
