"""Files by how sure their date is, for those that somebody should look at; and the sums of all, in an index alone."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the indexes."""
    op.create_index("ix_files_confidence_taken", "files", ["confidence", "taken_us", "id"])
    op.create_index("ix_files_sorts", "files", ["state", "kind", "review", "confidence", "size"])
