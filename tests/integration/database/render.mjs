// Prints the SQL that Prisma's own schema engine (6.19) makes of a schema file: `node render.mjs SCHEMA`.
// The engine wants to be connected before it renders, though a rendering needs no database: it gets one that
// knows its version and has nothing in it.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(import.meta.url);
const home = pathToFileURL(require.resolve("@prisma/schema-engine-wasm/schema_engine_bg"));
const bindings = await import(home);
const wasm = await readFile(new URL("./schema_engine_bg.wasm", home));
const { instance } = await WebAssembly.instantiate(wasm, { "./schema_engine_bg.js": bindings });
bindings.__wbg_set_wasm(instance.exports);
instance.exports.__wbindgen_start?.();

const answer = (value) => Promise.resolve({ ok: true, value });
const version = {
  columnTypes: [7, 7, 7],
  columnNames: ["exists", "version", "numeric_version"],
  rows: [["true", "PostgreSQL 18", "180000"]],
};
const connection = {
  provider: "postgres",
  adapterName: "none",
  queryRaw: () => answer(version),
  executeRaw: () => answer(0),
  executeScript: () => answer(undefined),
  getConnectionInfo: () => ({ ok: true, value: { schemaName: "billing", supportsRelationJoins: true } }),
  dispose: () => answer(undefined),
};
const connect = () => answer(connection);
const adapter = { ...connection, connect, connectToShadowDb: connect };

const content = await readFile(process.argv[2], "utf8");
const datamodels = [["schema.prisma", content]];
const engine = await bindings.SchemaEngine.new({ datamodels }, () => undefined, adapter);
const result = await engine.diff({
  from: { tag: "empty" },
  to: { tag: "schemaDatamodel", files: [{ path: "schema.prisma", content }] },
  script: true,
  shadowDatabaseUrl: null,
  exitCode: null,
  filters: { externalTables: [], externalEnums: [] },
});
process.stdout.write(result.stdout ?? "");
