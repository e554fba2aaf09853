"""How a model answers: end to end, decoupled, blindfolded, over engines behind one small protocol."""
