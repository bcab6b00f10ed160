// Which fields of a Prisma schema the two protocols write differently, and which lead to another model.

const TAGGED = new Set(["Json", "Bytes"]);

/**
 * The text of a schema → model name → field name → `{ tag }`, `{ model }` or `{}`.
 * `tag` is the scalar type that the JSON protocol wants to be told.
 */
export function readModels(datamodel) {
  const blocks = [...datamodel.matchAll(/^model\s+(\w+)\s*\{([\s\S]*?)^\}/gm)];
  const names = new Set(blocks.map(([, name]) => name));
  return new Map(blocks.map(([, name, body]) => [name, readFields(body, names)]));
}

function readFields(body, names) {
  const lines = body.matchAll(/^[ \t]*(\w+)[ \t]+(\w+)/gm);
  return new Map([...lines].map(([, field, type]) => [field, fieldOf(type, names)]));
}

function fieldOf(type, names) {
  if (TAGGED.has(type)) return { tag: type };
  return names.has(type) ? { model: type } : {};
}
