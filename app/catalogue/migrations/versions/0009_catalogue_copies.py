"""Which session and which copy of the catalogue this is."""

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    pass
