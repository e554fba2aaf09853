"""How fast an evaluation is on this machine, against other ways to do the same."""
