// The project on Railway: `railway config plan`, then `railway config apply` (docs/railway.md).
// A test keeps railway.toml, for services that still use it, equal to this.
import { defineRailway, github, postgres, preserve, project, service } from "railway/iac";

// What still streams when a new deployment takes over may go on for so long; then it is cut, and charged as cut.
const drainingSeconds = 120;
const resolvingSeconds = 10; // what the gateway needs after that, to resolve holds

export default defineRailway(() => {
  const database = postgres("Postgres");
  const gateway = service("gateway", {
    source: github("proxyllm/proxyllm"),
    build: {
      builder: "DOCKERFILE",
      dockerfilePath: "Dockerfile.railway",
      watchPatterns: [
        "/Dockerfile.railway", "/billing/**", "/gateway/**", "/migrations/**", "/requirements/**",
        "/deploy/image/**", "/proxy_server_config.yaml", "/pyproject.toml",
      ],
    },
    preDeploy: "proxyllm migrate",
    healthcheck: "/health/readiness",
    healthcheckTimeout: 300,
    deploy: {
      restartPolicyType: "ALWAYS",
      overlapSeconds: 20, // the new one is ready before the old one hears SIGTERM
      drainingSeconds,
    },
    env: {
      PORT: "4000",
      DATABASE_URL: database.env.DATABASE_URL,
      BILLING_PUBLIC_URL: "https://${{RAILWAY_PUBLIC_DOMAIN}}",
      BILLING_DRAIN_S: String(drainingSeconds - resolvingSeconds),
      // Sealed, and set by hand: a plan neither reads nor changes them (docs/railway.md has the commands).
      LITELLM_MASTER_KEY: preserve(),
      LITELLM_SALT_KEY: preserve(),
      STRIPE_API_KEY: preserve(),
      STRIPE_WEBHOOK_SECRET: preserve(),
      // As many of these as you use: a model whose variables are not set is left out.
      OPENAI_API_KEY: preserve(),
      ANTHROPIC_API_KEY: preserve(),
      GEMINI_API_KEY: preserve(),
      MISTRAL_API_KEY: preserve(),
      GROQ_API_KEY: preserve(),
      DEEPSEEK_API_KEY: preserve(),
      OPENROUTER_API_KEY: preserve(),
      // An Ollama at home (docs/tailscale.md).
      TAILSCALE_AUTH_KEY: preserve(),
      TAILNET_FORWARD: preserve(),
      OLLAMA_API_BASE: preserve(),
    },
  });
  return project("proxyllm", { resources: [database, gateway] });
});
