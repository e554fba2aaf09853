"""Converting: checkpoints in other projects' formats become checkpoints that transformers and vLLM load."""
