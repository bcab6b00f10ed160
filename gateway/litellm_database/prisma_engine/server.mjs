// Prisma's query engine behind the HTTP interface of the native one, for prisma-client-py 0.15.
// https://github.com/prisma/prisma-engines/blob/5.17.0/query-engine/query-engine/src/server/mod.rs

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { BadRequest, fromDriver } from "./errors.mjs";
import { liveWithParent } from "./lifecycle.mjs";
import { Metrics } from "./metrics.mjs";

const HOST = "127.0.0.1";
const BODY_BYTES_MAX = 256 * 1024 * 1024;
// A shorter id makes the WASM engine panic.
const TRANSACTION_ID = /^[\w-]{24,64}$/;
const TRANSACTION = /^\/transaction\/([\w-]{24,64})\/(commit|rollback)$/;
const JSON_TYPE = "application/json";

class BodyTooLarge extends Error {}

async function bodyOf(request) {
  const chunks = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) throw new BodyTooLarge(`The body is larger than ${BODY_BYTES_MAX} bytes.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function transactionIdOf(request) {
  const id = request.headers["x-transaction-id"];
  if (id !== undefined && !TRANSACTION_ID.test(id)) throw new BadRequest("X-transaction-id is no id of a transaction.");
  return id;
}

function answerer(engine, metrics) {
  const post = async (path, request) => {
    const body = await bodyOf(request);
    if (path === "/") return metrics.measured(() => engine.query(body, transactionIdOf(request)));
    if (path === "/transaction/start") return engine.startTransaction(body);
    const transaction = TRANSACTION.exec(path);
    if (transaction === null) return null;
    const [, id, verb] = transaction;
    return verb === "commit" ? engine.commitTransaction(id) : engine.rollbackTransaction(id);
  };
  const get = async (url, request) => {
    if (url.pathname === "/status") return '{"status":"ok"}';
    if (url.pathname !== "/metrics") return null;
    const labels = JSON.parse((await bodyOf(request)) || "{}");
    return url.searchParams.get("format") === "json"
      ? metrics.json(engine.pool, labels)
      : metrics.prometheus(engine.pool, labels);
  };
  return (request) => {
    const url = new URL(request.url, "http://engine");
    if (request.method === "POST") return post(url.pathname, request);
    return request.method === "GET" ? get(url, request) : null;
  };
}

function statusOf(error) {
  if (error instanceof BadRequest) return 422;
  return error instanceof BodyTooLarge ? 413 : 500;
}

function serve(engine, port) {
  const answer = answerer(engine, new Metrics());
  const server = createServer(async (request, response) => {
    try {
      const text = await answer(request);
      response.writeHead(text === null ? 404 : 200, { "content-type": JSON_TYPE });
      response.end(text ?? "");
    } catch (error) {
      response.writeHead(statusOf(error), { "content-type": JSON_TYPE });
      response.end(JSON.stringify({ error: error.message }));
      if (error instanceof WebAssembly.RuntimeError) endAfterPanic(error);
    }
  });
  // The client keeps its connections for as long as it likes, as with the native engine.
  server.keepAliveTimeout = 0;
  server.headersTimeout = 0;
  server.requestTimeout = 0;
  server.on("error", (error) => fail({ error_code: "P1012", message: error.message }));
  server.listen(port, HOST);
}

// A panic leaves the engine's memory in an unknown state. LiteLLM notices the end and starts another.
function endAfterPanic(error) {
  process.stderr.write(`${JSON.stringify({ is_panic: true, message: error.stack })}\n`);
  setImmediate(() => process.exit(101));
}

function fail(facing) {
  process.stderr.write(`${JSON.stringify(facing)}\n`);
  process.exit(1);
}

function portFrom(argv) {
  const at = argv.findIndex((word) => word === "-p" || word === "--port");
  const port = Number(argv[at + 1]);
  return at >= 0 && Number.isInteger(port) && port > 0 && port < 65536 ? port : null;
}

async function main(argv, env) {
  if (argv.includes("--version")) {
    const { prisma } = createRequire(import.meta.url)("@prisma/engines-version/package.json");
    process.stdout.write(`query-engine ${prisma.enginesVersion}\n`);
    return;
  }
  const port = portFrom(argv);
  if (port === null || !env.PRISMA_DML_PATH) {
    fail({ error_code: "P1012", message: "Usage: PRISMA_DML_PATH=<schema.prisma> server.mjs -p <port>" });
  }
  process.title = "query-engine"; // LiteLLM looks for orphans under this name
  liveWithParent(env);
  let options;
  try {
    const { Engine, optionsFor } = await import("./engine.mjs"); // takes most of the start; --version needs none of it
    const datamodel = readFileSync(env.PRISMA_DML_PATH, "utf8");
    options = optionsFor(datamodel, env);
    const logQuery = env.LOG_QUERIES ? (line) => process.stdout.write(`${line}\n`) : null;
    serve(await Engine.open(datamodel, options, logQuery), port);
  } catch (error) {
    fail(options ? fromDriver(error, options.limits) : { error_code: "P1012", message: error.message });
  }
}

await main(process.argv.slice(2), process.env);
