"""Two stages: a perception module writes what it sees, a reasoning module answers from that text alone."""
