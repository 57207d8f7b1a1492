"""Nothing is to be taken away yet."""

revision = "c1"
down_revision = None
branch_labels = ("contract",)
depends_on = ("e1",)


def upgrade():
    pass
