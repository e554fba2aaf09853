"""Training data: conversations from the mini suite, easy-VQA and files, mixed and batched."""
