"""An entry: its four files, made from a run and read back within bounds."""
