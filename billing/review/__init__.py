"""Calls charged an estimate, and their repricing."""
