"""Charges that somebody should look at, and their repricing."""
