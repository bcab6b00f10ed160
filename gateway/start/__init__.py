"""How a deployed gateway starts and stops: one supervisor, its gateway process, and the tailnet where wanted."""
