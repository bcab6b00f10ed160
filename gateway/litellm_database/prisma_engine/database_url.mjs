// Prisma's connection URL → options of the `pg` driver.
// https://www.prisma.io/docs/orm/overview/databases/postgresql#connection-url

import { readFileSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";

const POOL_TIMEOUT_S = 10;
const CONNECT_TIMEOUT_S = 5;

/** Which URL the engine is to use: what the client overrides, else what the schema names. */
export function databaseUrl(datamodel, env) {
  const [override] = JSON.parse(env.OVERWRITE_DATASOURCES || "[]");
  if (override?.url) return override.url;
  const source = /^\s*datasource\s+\w+\s*\{[^}]*?^\s*url\s*=\s*(env\(\s*)?"([^"]*)"/m.exec(datamodel);
  if (!source) throw new Error("The Prisma schema names no database URL.");
  const url = source[1] ? env[source[2]] : source[2];
  if (!url) throw new Error(`Environment variable not found: ${source[2]}.`);
  return url;
}

/** Parses the URL. Throws where it is no PostgreSQL URL; the message never holds the password. */
export function connectionOptions(text) {
  const url = parseUrl(text);
  const parameter = (name) => url.searchParams.get(name) ?? undefined;
  const seconds = (name, standard) => wholeNumber(parameter(name), name) ?? standard;
  const host = parameter("host") ?? (decodeURIComponent(url.hostname) || "localhost");
  const port = Number(url.port || parameter("port") || 5432);
  const connectionLimit = wholeNumber(parameter("connection_limit"), "connection_limit") ?? defaultLimit();
  return {
    schema: parameter("schema") ?? "public",
    sslMode: host.startsWith("/") ? "disable" : parameter("sslmode") ?? "prefer",
    limits: { address: `\`${host}:${port}\``, poolTimeoutS: seconds("pool_timeout", POOL_TIMEOUT_S), connectionLimit },
    connectTimeoutS: seconds("connect_timeout", CONNECT_TIMEOUT_S),
    ssl: tls(parameter),
    pg: {
      host: host.replace(/^\[|\]$/g, ""),
      port,
      user: decodeURIComponent(url.username) || undefined,
      password: url.password ? decodeURIComponent(url.password) : undefined,
      database: decodeURIComponent(url.pathname.slice(1)) || undefined,
      application_name: parameter("application_name"),
      query_timeout: milliseconds(seconds("socket_timeout", 0)),
      options: sessionOptions(parameter),
      max: connectionLimit,
    },
  };
}

function parseUrl(text) {
  let url;
  try {
    // A URL for a Unix socket names no host before the path, which the WHATWG parser refuses beside a user.
    url = new URL(text.replace(/^(\w+:\/\/[^/?#]*@)(?=[/?]|$)/, "$1localhost"));
  } catch {
    throw new Error("DATABASE_URL is not a URL.");
  }
  if (url.protocol !== "postgresql:" && url.protocol !== "postgres:") {
    throw new Error("DATABASE_URL must begin with postgresql:// or postgres://.");
  }
  return url;
}

function wholeNumber(text, name) {
  if (text === undefined) return undefined;
  if (!/^\d{1,6}$/.test(text)) throw new Error(`${name} in DATABASE_URL must be a whole number.`);
  return Number(text);
}

function milliseconds(seconds) {
  return seconds === 0 ? undefined : seconds * 1000;
}

function defaultLimit() {
  return (availableParallelism?.() ?? cpus().length) * 2 + 1;
}

function sessionOptions(parameter) {
  const schema = parameter("schema");
  const searchPath = schema === undefined ? "" : `-c search_path=${quotedSchema(schema)}`;
  return `${searchPath} ${parameter("options") ?? ""}`.trim() || undefined;
}

function quotedSchema(schema) {
  return `"${schema.replaceAll('"', '""')}"`.replace(/[\\\s]/g, (character) => `\\${character}`);
}

function tls(parameter) {
  const certificate = parameter("sslcert");
  const identity = parameter("sslidentity");
  return {
    rejectUnauthorized: parameter("sslaccept") === "strict",
    ...(certificate && { ca: readFileSync(certificate) }),
    ...(identity && { pfx: readFileSync(identity), passphrase: parameter("sslpassword") }),
  };
}
