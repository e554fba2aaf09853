"""Verification: an entry scored again from its raw answers, every issue named."""
