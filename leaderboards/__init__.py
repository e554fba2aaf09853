"""Who scored what: entries that can be checked against their raw answers, and the tables made of them."""
