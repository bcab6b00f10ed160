-- histories
-- Whether LiteLLM's and billing's migrations were ever recorded.
SELECT to_regclass('_prisma_migrations') IS NOT NULL, to_regclass('billing._prisma_migrations') IS NOT NULL;

-- litellm_migrations
-- The names of LiteLLM's migrations that are done.
SELECT migration_name FROM _prisma_migrations WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL;

-- billing_migrations
-- The names of billing's migrations that are done.
SELECT migration_name FROM billing._prisma_migrations WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL;

-- connections
-- How many connections the server takes from others than its administrators.
SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int;

-- models_known
-- Whether LiteLLM's table of models is there.
SELECT to_regclass('"LiteLLM_ProxyModelTable"') IS NOT NULL;

-- stored_models
-- Every model that was added by LiteLLM's API or page.
SELECT model_name, litellm_params, model_info FROM "LiteLLM_ProxyModelTable" ORDER BY model_name, model_id;
