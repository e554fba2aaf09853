"""The controlled study: which runs it needs, what trains and runs them, and a verdict on each takeaway."""
