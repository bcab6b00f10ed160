// What prisma-client-py's `get_metrics()` reads: the pool and the queries, under the native engine's names.

/** Counts queries and their time, and shows them with the pool's state. */
export class Metrics {
  #queries = 0;
  #milliseconds = 0;
  #active = 0;

  /** Counts one query around `run`, also where it fails. */
  async measured(run) {
    const start = performance.now();
    this.#active += 1;
    try {
      return await run();
    } finally {
      this.#active -= 1;
      this.#queries += 1;
      this.#milliseconds += performance.now() - start;
    }
  }

  #counters() {
    return [
      ["prisma_client_queries_total", "Total number of Prisma Client queries executed", this.#queries],
      ["prisma_client_queries_duration_ms_sum", "Milliseconds spent in all queries", Math.round(this.#milliseconds)],
    ];
  }

  #gauges(pool) {
    const busy = pool.totalCount - pool.idleCount;
    return [
      ["prisma_pool_connections_open", "Number of currently open Pool Connections", pool.totalCount],
      ["prisma_pool_connections_busy", "Number of Pool Connections that execute a query", busy],
      ["prisma_pool_connections_idle", "Number of Pool Connections that are not busy", pool.idleCount],
      ["prisma_client_queries_active", "Number of currently active Prisma Client queries", this.#active],
      ["prisma_client_queries_wait", "Number of queries that wait for a connection", pool.waitingCount],
    ];
  }

  json(pool, labels) {
    const entries = (list) => list.map(([key, description, value]) => ({ key, labels, value, description }));
    return JSON.stringify({ counters: entries(this.#counters()), gauges: entries(this.#gauges(pool)), histograms: [] });
  }

  prometheus(pool, labels) {
    const pairs = Object.entries(labels).map(([name, value]) => `${name}=${JSON.stringify(String(value))}`);
    const suffix = pairs.length ? `{${pairs.join(",")}}` : "";
    const lines = (list, type) =>
      list.map(([name, help, value]) => `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${name}${suffix} ${value}\n`);
    return [...lines(this.#counters(), "counter"), ...lines(this.#gauges(pool), "gauge")].join("\n");
  }
}
