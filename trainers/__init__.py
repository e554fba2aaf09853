"""How the reference checkpoints come to be: recipes, data and stage trainers."""
