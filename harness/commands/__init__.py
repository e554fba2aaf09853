"""Subcommands, one a file. They import what they need when they run, so `--help` answers at once."""
