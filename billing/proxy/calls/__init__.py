"""The life of a call: admission, hold, ending, settlement."""
