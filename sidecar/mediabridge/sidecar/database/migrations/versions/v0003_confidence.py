"""Files by how sure their date is: those that somebody should look at come first."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the index."""
    op.create_index("ix_files_confidence_taken", "files", ["confidence", "taken_us", "id"])
