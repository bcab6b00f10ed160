-- migrations_table
-- Prisma's own record of migrations, with its columns, so that its tools read and write the same.
CREATE TABLE IF NOT EXISTS billing._prisma_migrations (
  id VARCHAR(36) PRIMARY KEY NOT NULL,
  checksum VARCHAR(64) NOT NULL,
  finished_at TIMESTAMPTZ,
  migration_name VARCHAR(255) NOT NULL,
  logs TEXT,
  rolled_back_at TIMESTAMPTZ,
  started_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  applied_steps_count INTEGER NOT NULL DEFAULT 0
);

-- migrations_recorded
-- What was tried and not rolled back: name, checksum, whether it was finished.
SELECT migration_name, checksum, finished_at IS NOT NULL
FROM billing._prisma_migrations WHERE rolled_back_at IS NULL;

-- migration_done
-- Records one migration as applied.
INSERT INTO billing._prisma_migrations
  (id, checksum, migration_name, started_at, finished_at, applied_steps_count)
VALUES (%s, %s, %s, now(), clock_timestamp(), 1);
