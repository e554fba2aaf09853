"""The one line in which an error is told to a user."""


def first_line(error: BaseException) -> str:
    """The first line of an error's message that says something, or the error's type without one."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
