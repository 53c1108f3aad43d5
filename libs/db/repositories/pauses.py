"""A pause: of a dataset or of a whole tenant. It holds back indexing, never a removal."""

from sqlalchemy import ColumnElement, and_, or_

from db.models import Dataset, Job, Tenant
from db.repositories.tombstones import REMOVAL_REASON


def paused() -> ColumnElement[bool]:
    """Whether `Dataset`, or the `Tenant` that it belongs to, is paused.

    A deleted dataset is not: what still happens to it is its removal.
    """
    return and_(
        Dataset.deleted_at.is_(None),
        or_(Dataset.paused_at.is_not(None), Tenant.paused_at.is_not(None)),
    )


def held_back() -> ColumnElement[bool]:
    """Whether a pause keeps this `Job` from being worked on; joined with `Dataset` and `Tenant`."""
    return and_(paused(), Job.reason != REMOVAL_REASON)
