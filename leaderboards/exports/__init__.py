"""Exports: a run in the formats that other places read, one file each."""
