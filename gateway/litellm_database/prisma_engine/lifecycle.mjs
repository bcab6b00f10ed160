// An engine lives as long as the process that started it, and not a second longer.

const PARENT_CHECK_MS = 500;

/**
 * Ends this process at SIGTERM, SIGINT (which prisma-client-py sends, and waits for) and at its parent's death,
 * which may have come before we ran: the launching script therefore says who started it.
 */
export function liveWithParent(env) {
  const parent = Number(env.PROXYLLM_ENGINE_PARENT) || process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) process.exit(0);
  }, PARENT_CHECK_MS).unref();
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"]) process.on(signal, () => process.exit(0));
}
