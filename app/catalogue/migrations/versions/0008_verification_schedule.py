"""When contents are to be verified again."""

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    pass
