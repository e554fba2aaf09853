"""VMCBench's sets that the study calls in-domain; their functions are `tasks.multiple_choice`'s."""

__all__: list[str] = []  # task files name its functions by their modules
