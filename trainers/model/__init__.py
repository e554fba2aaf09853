"""Models built from a recipe: tokenizer, processor, vision-language model, and the pretraining of its tower."""
