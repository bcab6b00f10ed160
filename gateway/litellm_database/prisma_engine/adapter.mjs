// The engine's way to PostgreSQL: Prisma's own driver adapter over a pool of `pg`, and what it lacks.

import { PrismaPg } from "@prisma/adapter-pg";
import { bindAdapter } from "@prisma/driver-adapter-utils";
import pg from "pg";

const TEXT = 25;
const FIRST_USER_TYPE = 16384;
const IDLE_TIMEOUT_MS = 300_000;
const NO_TLS = "The server does not support SSL connections";

// Types of PostgreSQL that the adapter converts; it refuses all other built-in ones as "Unknown".
const CONVERTED = new Set([
  16, 17, 20, 21, 23, 25, 26, 114, 142, 143, 199, 650, 651, 700, 701, 790, 791, 869, 1000, 1001, 1002, 1005, 1007,
  1009, 1014, 1015, 1016, 1021, 1022, 1028, 1041, 1042, 1043, 1082, 1083, 1114, 1115, 1182, 1183, 1184, 1231, 1266,
  1560, 1561, 1562, 1563, 1700, 2950, 2951, 3802, 3807,
]);
const TIMESTAMPTZ = 1184;
const TIMESTAMPTZ_ARRAY = 1185;
const READ_AS = new Map([[TIMESTAMPTZ_ARRAY, 1115], [1003, 1009]]); // timestamptz[] as timestamp[], name[] as text[]

function typeToReadAs(oid) {
  if (CONVERTED.has(oid) || oid >= FIRST_USER_TYPE) return oid;
  return READ_AS.get(oid) ?? TEXT;
}

// The adapter cuts the offset off, which is right only for a session in UTC.
function timestamptzAsUtc(text) {
  const instant = new Date(text.replace(" ", "T").replace(/([+-]\d\d)$/, "$1:00"));
  if (Number.isNaN(instant.getTime())) return text;
  return instant.toISOString().replace("T", " ").slice(0, -1);
}

const OWN_PARSERS = new Map([
  [TIMESTAMPTZ, timestamptzAsUtc],
  [TIMESTAMPTZ_ARRAY, (text) => pg.types.arrayParser.create(text, timestamptzAsUtc).parse()],
]);

/** A connection that gives the adapter the text of each type that it cannot convert. */
class Connection extends pg.Client {
  query(config, ...rest) {
    if (config?.types === undefined) return super.query(config, ...rest);
    const { getTypeParser } = config.types;
    const types = {
      getTypeParser: (oid, format) => OWN_PARSERS.get(oid) ?? getTypeParser(typeToReadAs(oid), format),
    };
    return super.query({ ...config, types }, ...rest);
  }
}

class Adapter extends PrismaPg {
  async performIO(query) {
    return readable(await super.performIO(query));
  }

  async startTransaction() {
    const started = await super.startTransaction();
    return started.map((transaction) => {
      const performIO = transaction.performIO.bind(transaction);
      transaction.performIO = async (query) => readable(await performIO(query));
      return transaction;
    });
  }
}

function readable(result) {
  if (!result.ok) return result;
  for (const field of result.value.fields) field.dataTypeID = typeToReadAs(field.dataTypeID);
  return result;
}

/** Opens the pool with one connection, and binds it for the engine. Throws the driver's error. */
export async function openAdapter(options) {
  const pool = await openPool(options);
  const adapter = bindAdapter(new Adapter(pool, { schema: options.schema }));
  return { adapter, pool };
}

async function openPool(options) {
  if (options.sslMode !== "prefer") {
    return connected(createPool(options, options.sslMode === "disable" ? false : options.ssl));
  }
  try {
    return await connected(createPool(options, options.ssl));
  } catch (error) {
    if (error.message !== NO_TLS) throw error;
    return connected(createPool(options, false));
  }
}

function createPool(options, ssl) {
  const pool = new pg.Pool({
    ...options.pg,
    Client: Connection,
    ssl,
    keepAlive: true,
    idleTimeoutMillis: IDLE_TIMEOUT_MS,
    connectionTimeoutMillis: options.limits.poolTimeoutS * 1000,
  });
  // An idle connection that the server ends is dropped by the pool; without a listener it ends the process.
  pool.on("error", () => {});
  return pool;
}

async function connected(pool) {
  try {
    (await pool.connect()).release();
    return pool;
  } catch (error) {
    await pool.end();
    throw error;
  }
}
