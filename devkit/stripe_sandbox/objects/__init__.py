"""Stripe's objects as API version 2026-10-28.endive sends them, field by field.

A test compares each class with the annotations of the official SDK: no key it does not know, none missing
that it requires.
"""
