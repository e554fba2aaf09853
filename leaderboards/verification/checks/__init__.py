"""Checks: each module finds one kind of fault in an entry, from what the entry itself and the tasks say."""
