"""Trigrams of paths for the search, and contents that wait to leave the store."""

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    pass
