"""How many files there are of each month."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from mediabridge.sidecar.database.models import File

from .listing import Filters, conditions


def months(session: Session, filters: Filters) -> dict[int, int]:
    """Month, as 202401, the newest first → files; 0 are those without a date."""
    statement = select(File.month, func.count()).where(*conditions(session, filters)).group_by(File.month)
    return dict(session.execute(statement.order_by(File.month.desc())).all())
