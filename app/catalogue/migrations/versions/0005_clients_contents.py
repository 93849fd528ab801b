"""Which client has sent or named which content."""

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    pass
