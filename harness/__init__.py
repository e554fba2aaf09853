"""How a measurement is made: evaluation, records, statistics, the command line."""
