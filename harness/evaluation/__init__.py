"""A run: lmms-eval's evaluator driven for each condition, its samples kept as records, its set-up as a manifest."""
