"""Files that belong together and are no duplicates; which stage a job is in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_JSON = sa.JSON(none_as_null=True)


def upgrade() -> None:
    """Make the table and the column."""
    op.add_column("jobs", sa.Column("stage", _JSON, nullable=True))
    op.create_table(
        "companions",
        sa.Column("file_id", _BIG, nullable=False),
        sa.Column("other_id", _BIG, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("certainty", sa.String(length=8), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["file_id"], ["files.id"], name=op.f("fk_companions_file_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["other_id"], ["files.id"], name=op.f("fk_companions_other_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("file_id", "other_id", name=op.f("pk_companions")),
    )
    op.create_index("ix_companions_other", "companions", ["other_id"])
