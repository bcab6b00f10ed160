"""One module a resource of the API: its parameters, and what each call does."""
