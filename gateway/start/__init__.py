"""How a deployed gateway starts and stops: a supervisor, its gateway process, and the tailnet if wanted."""
