"""Developer tools, never in the image: `make run`, the demo models, a local Stripe, reference pages."""
