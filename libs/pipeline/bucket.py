"""Is this the bucket that our documents lie in? Asked before anything is taken for gone.

A mistyped `R2_BUCKET`, another account's bucket of the same name or one emptied by accident answers
every HEAD with 404 and every listing with nothing of ours, and must not empty the index.
"""

from db.engine import Sessions
from db.repositories.auditing import AuditRepository
from pipeline.store.objects import ObjectStore

WITNESSES = 10  # of the oldest and of the newest documents each


async def is_ours(sessions: Sessions, objects: ObjectStore) -> bool:
    """Whether the bucket lists at least one of some searchable documents; True if there are none.

    Raises:
        DependencyError: the object store is away, or refuses.
    """
    async with sessions() as session:
        keys = await AuditRepository(session).witnesses(WITNESSES)
    for key in keys:
        if await objects.exists_in_listing(key):
            return True
    return not keys
