// Errors in the native engine's own shape, so that prisma-client-py raises its typed exceptions.
// Codes: https://www.prisma.io/docs/orm/reference/error-reference

/** The client sent what is no request of the protocol; answered with 422, as by the native engine. */
export class BadRequest extends Error {}

/** The WASM engine reports an exception of our adapter under this code, with its number in a registry. */
const EXTERNAL_ERROR = "P2036";

const UNREACHABLE = new Set([
  "ECONNREFUSED", "ENOENT", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH", "ETIMEDOUT", "EACCES",
]);

function userFacing(code, message, meta) {
  return { is_panic: false, message, meta, error_code: code };
}

/** An exception of the `pg` driver, or of its pool → the error that the native engine gives for it. */
export function fromDriver(error, { address, poolTimeoutS, connectionLimit }) {
  if (error.code === "3D000") {
    return userFacing("P1003", error.message, {});
  }
  if (error.code === "28P01" || error.code === "28000") {
    return userFacing("P1000", `Authentication failed against database server at ${address}: ${error.message}`, {});
  }
  if (error.code === "53300") {
    return userFacing("P2037", `Too many database connections opened: ${error.message}`, {});
  }
  if (error.message === "timeout exceeded when trying to connect") {
    const limits = `(Current connection pool timeout: ${poolTimeoutS}, connection limit: ${connectionLimit})`;
    return userFacing(
      "P2024",
      "Timed out fetching a new connection from the connection pool. " +
        `More info: http://pris.ly/d/connection-pool ${limits}`,
      { connection_limit: connectionLimit, timeout: poolTimeoutS },
    );
  }
  if (UNREACHABLE.has(error.code) || error.message === "Connection terminated due to connection timeout") {
    return userFacing("P1001", `Can't reach database server at ${address}: ${error.message}`, {});
  }
  return userFacing("P1017", `Server has closed the connection: ${error.message}`, {});
}

/** An answer's error object → the same with our driver's exception in the place of its number. */
export function withDriverErrors(error, registry, limits) {
  const facing = error.user_facing_error ?? error;
  if (facing.error_code !== EXTERNAL_ERROR) return error;
  const driverError = registry.consumeError(facing.meta.id)?.error ?? new Error(facing.message);
  registry.registeredErrors[facing.meta.id] = undefined; // consumeError keeps it forever
  return wrapped(fromDriver(driverError, limits));
}

/** A user-facing error → as it stands in `errors`. */
export function wrapped(facing) {
  return { error: facing.message, user_facing_error: facing };
}
