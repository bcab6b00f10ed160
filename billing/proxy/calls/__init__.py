"""One call's life: admission, the hold, what it came to, settlement."""
