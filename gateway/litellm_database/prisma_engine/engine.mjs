// Prisma's query engine, compiled to WebAssembly, as it ships in `@prisma/client`.

import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { openAdapter } from "./adapter.mjs";
import { connectionOptions, databaseUrl } from "./database_url.mjs";
import { BadRequest } from "./errors.mjs";
import { translate } from "./graphql_to_json.mjs";
import { readModels } from "./models.mjs";
import { answerBatch, answerOne, answerTransaction } from "./results.mjs";

const require = createRequire(import.meta.url);
const RUNTIME = "@prisma/client/runtime/query_engine_bg.postgresql";
const NO_TRACE = "{}";

function loadEngineClass() {
  const bindings = require(`${RUNTIME}.js`);
  const module = new WebAssembly.Module(readFileSync(require.resolve(`${RUNTIME}.wasm`)));
  const instance = new WebAssembly.Instance(module, { "./query_engine_bg.js": bindings });
  bindings.__wbg_set_wasm(instance.exports);
  return bindings.QueryEngine;
}

/** The engine with its database. Every answer is JSON text in the native engine's shape. */
export class Engine {
  #engine;
  #models;

  constructor(queryEngine, models, errorRegistry, pool, limits) {
    this.#engine = queryEngine;
    this.#models = models;
    this.errorRegistry = errorRegistry;
    this.pool = pool;
    this.limits = limits;
  }

  /** Loads the engine and connects. Throws the driver's error, or one that says what is missing. */
  static async open(datamodel, options, logQuery) {
    const { adapter, pool } = await openAdapter(options);
    const QueryEngine = loadEngineClass();
    const configuration = {
      datamodel,
      env: process.env,
      ignoreEnvVarErrors: true,
      datasourceOverrides: {},
      logLevel: logQuery ? "info" : "error",
      logQueries: logQuery !== null,
      configDir: ".",
      engineProtocol: "json",
    };
    const queryEngine = new QueryEngine(configuration, (line) => logQuery?.(line), adapter);
    await queryEngine.connect(NO_TRACE);
    return new Engine(queryEngine, readModels(datamodel), adapter.errorRegistry, pool, options.limits);
  }

  /** A query or a batch, as prisma-client-py posts it. Throws BadRequest for anything else. */
  async query(body, transactionId) {
    const request = parsed(body);
    if (Array.isArray(request.batch)) return this.#batch(request, transactionId);
    const translated = translate(documentOf(request), this.#models);
    return answerOne(await this.#engine.query(translated.json, NO_TRACE, transactionId), translated, this);
  }

  async #batch(request, transactionId) {
    const requests = request.batch.map((item) => translate(documentOf(item), this.#models));
    const transaction = request.transaction ? ',"transaction":{}' : "";
    const json = `{"batch":[${requests.map((item) => item.json).join(",")}]${transaction}}`;
    return answerBatch(await this.#engine.query(json, NO_TRACE, transactionId), requests, this);
  }

  async startTransaction(body) {
    return answerTransaction(await this.#engine.startTransaction(JSON.stringify(parsed(body)), NO_TRACE), this);
  }

  async commitTransaction(id) {
    return answerTransaction(await this.#engine.commitTransaction(id, NO_TRACE), this);
  }

  async rollbackTransaction(id) {
    return answerTransaction(await this.#engine.rollbackTransaction(id, NO_TRACE), this);
  }
}

function parsed(body) {
  let request;
  try {
    request = JSON.parse(body);
  } catch {
    throw new BadRequest("The body is not JSON.");
  }
  if (request === null || typeof request !== "object") throw new BadRequest("The body is not a JSON object.");
  return request;
}

function documentOf(item) {
  if (typeof item?.query !== "string") throw new BadRequest("The body has no query.");
  return item.query;
}

/** Options from the schema and the environment that prisma-client-py gives its engine. */
export function optionsFor(datamodel, env) {
  return connectionOptions(databaseUrl(datamodel, env));
}
