"""Reading a list of the server page by page."""

from streams.model.failures import WrongVersion


def later(after: int | None, next_after: int) -> int:
    """Return where the next page starts; raise ``WrongVersion`` where that would never come to an end."""
    if after is not None and next_after <= after:
        raise WrongVersion("The server's list of files does not come to its end.", hint="Check the server.")
    return next_after
