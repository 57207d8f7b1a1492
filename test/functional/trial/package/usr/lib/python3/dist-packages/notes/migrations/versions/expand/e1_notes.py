"""The table."""

import sqlalchemy
from alembic import op

revision = "e1"
down_revision = None
branch_labels = ("expand",)


def upgrade():
    op.create_table(
        "notes",
        sqlalchemy.Column("id", sqlalchemy.Integer, primary_key=True),
        sqlalchemy.Column("project", sqlalchemy.String(64), nullable=False, index=True),
        sqlalchemy.Column("text", sqlalchemy.String(255), nullable=False),
    )
