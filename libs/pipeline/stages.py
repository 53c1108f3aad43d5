"""The stages of an attempt, in order: look -> fetch -> parse -> chunk -> embed -> store -> switch.

A job means "make the index agree with what the object is now", so every attempt begins by looking
at the object: it is there and new, there and known, there but deleted by a client, or gone.
"""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog

from db.repositories.breakers import BreakerRepository
from db.repositories.documents import DocumentRepository, Target
from db.repositories.jobs import JobRepository
from pipeline.attempt import Attempt
from pipeline.bucket import is_ours
from pipeline.embed.errors import EmbedderMisconfigured
from pipeline.errors import Dependency, ObjectChanged, RemovalsHeld, TooLarge
from pipeline.fingerprint import fingerprint, text_key
from pipeline.images.rows import write_images
from pipeline.ingest import Ingestion
from pipeline.store.object_errors import ObjectStoreMisconfigured
from pipeline.store.objects import ObjectVersion
from pipeline.text import DocumentText, on_scratch
from pipeline.tools import Tools

log = structlog.get_logger(__name__)

EVER = datetime.max.replace(tzinfo=UTC)


async def process(tools: Tools, attempt: Attempt) -> None:
    """Make the index agree with the object, and write so to the job.

    Raises:
        PipelineError: what went wrong; `verdict.py` decides what becomes of the job.
        FenceRaised: the job is no longer the attempt's.
    """
    with tools.batcher.expecting(attempt.claim.job_id):
        await attempt.step()
        with attempt.stage("fetch"):
            version = await _look(tools, attempt)
        attempt.answered(Dependency.OBJECT_STORE)
        if version is not None:
            attempt.etag, attempt.file_bytes = version.etag, version.size
            await _index(tools, attempt, version)
    if version is None:
        await _remove(tools, attempt)


async def _look(tools: Tools, attempt: Attempt) -> ObjectVersion | None:
    """The object's version to index; None if there is none and the rows are to go."""
    target = attempt.target
    version = await tools.objects.head(target.object_key)
    if version is None or not (target.deleted_at or target.dataset_deleted):
        return version  # `head` had a listing confirm that there is none
    if _is_buried(target, version):
        attempt.check()
        if not await tools.objects.delete(target.object_key, if_still=version):
            raise ObjectChanged("The object was uploaded anew while its removal was under way.")
        return None
    async with tools.sessions.begin() as session:
        await DocumentRepository(session).void_tombstone(
            attempt.claim, purge_delay=attempt.policy.purge_delay
        )
    attempt.target = replace(target, deleted_at=None, deleted_etag=None, deleted_modified=None)
    log.info("tombstone.voided")
    return version


def _is_buried(target: Target, version: ObjectVersion) -> bool:
    """Whether the tombstone stands for this version; a newer upload it does not touch."""
    if target.dataset_deleted:
        return True
    if target.deleted_etag not in (None, version.etag):
        return False
    # The same bytes again are another upload. The store's clock tells, to the second; where it was
    # never read, ours has to do.
    return version.last_modified <= (target.deleted_modified or target.deleted_at or EVER)


async def _remove(tools: Tools, attempt: Attempt) -> None:
    """Take the document out of search, then its rows and its text out of the stores."""
    target, claim, policy = attempt.target, attempt.claim, attempt.policy
    asked = target.deleted_at is not None or target.dataset_deleted
    if not asked and target.live_generation is not None:
        await _doubt(tools, attempt)
    with attempt.stage("remove"):
        attempt.check()
        if target.live_generation is not None:
            async with tools.sessions.begin() as session:
                await DocumentRepository(session).remove(
                    claim, asked=asked, purge_delay=policy.purge_delay
                )
        for space in _spaces(tools, target):
            attempt.check()
            await tools.vectors.delete_document(
                space, dataset=str(target.dataset_id), document=str(target.document_id)
            )
        attempt.answered(Dependency.VECTOR_STORE)
        await tools.objects.delete_derived(f"{target.document_id}/")
        attempt.check()
        async with tools.sessions.begin() as session:
            await DocumentRepository(session).remove(
                claim, asked=asked, purge_delay=policy.purge_delay
            )
            finished = await JobRepository(session).complete(claim, attempt.tally)
            await BreakerRepository(session).close(attempt.answers())
    log.info("document.removed", asked=asked, finished=finished)


def _spaces(tools: Tools, target: Target) -> set[str]:
    """Where the document may have rows; the upkeep looks into all others a little later."""
    images = None if tools.images is None else tools.images.model.space
    spaces = {target.live_space, tools.model.space, target.live_image_space, images}
    return {space for space in spaces if space is not None}


async def _doubt(tools: Tools, attempt: Attempt) -> None:
    """Look twice before a searchable document goes that nobody deleted here.

    Raises:
        ObjectStoreMisconfigured: none of our objects is in the bucket, and no event of the bucket
            says that this one was deleted.
        RemovalsHeld: too many went lately.
    """
    target, policy = attempt.target, attempt.policy
    async with tools.sessions() as session:
        told = await DocumentRepository(session).told_gone(attempt.claim)
    if not told and not await is_ours(tools.sessions, tools.objects):
        raise ObjectStoreMisconfigured(
            "The bucket holds none of the searchable documents' objects, so nothing is removed. "
            "Is R2_BUCKET the right one? If the objects are gone for good, delete the documents "
            "by the API."
        )
    async with tools.sessions() as session:
        removed, total = await DocumentRepository(session).unasked_removals(
            tenant_id=target.tenant_id, within=policy.removal_window
        )
    if removed >= max(policy.removal_floor, policy.removal_share * total):
        raise RemovalsHeld(
            "Many objects vanished from the bucket within minutes without a delete here, so "
            "their documents go slowly, a few every ten minutes. Put the objects back if it "
            "was a mistake; delete the documents by the API if it was not."
        )


async def _index(tools: Tools, attempt: Attempt, version: ObjectVersion) -> None:
    target, claim, space = attempt.target, attempt.claim, tools.model.space
    if target.live_space != space:
        raise EmbedderMisconfigured(
            "The dataset was made with another embedding model than this worker is set to; "
            "set the same model for all processes."
        )
    if version.size > attempt.policy.file_bytes_max:
        raise TooLarge(
            f"The file has {version.size} bytes; at most {attempt.policy.file_bytes_max} are taken."
        )
    ocr = tools.parsers.limits.ocr
    images = None if tools.images is None else tools.images.model
    wanted = fingerprint(target, tools.model, ocr=ocr, images=images)
    if target.live_etag == version.etag and target.live_fingerprint == wanted:
        async with tools.sessions.begin() as session:
            await DocumentRepository(session).unchanged(claim, last_modified=version.last_modified)
            await JobRepository(session).complete(claim, attempt.tally)
            await BreakerRepository(session).close(attempt.answers())
        log.info("document.unchanged")
        return
    async with tools.sessions.begin() as session:
        generation, resumed = await DocumentRepository(session).begin_generation(
            claim,
            etag=version.etag,
            size=version.size,
            content_type=version.content_type,
            last_modified=version.last_modified,
            fingerprint=wanted,
        )
    with on_scratch():
        scratch = TemporaryDirectory(dir=tools.scratch, prefix="attempt-")
    with scratch as folder:
        text = DocumentText(
            tools,
            attempt,
            version,
            key=text_key(target, version.etag, ocr=ocr, images=images),
            folder=Path(folder),
            # Only then can an earlier attempt have left the text.
            kept=resumed or target.live_etag == version.etag,
        )
        ingestion = Ingestion(
            tools, attempt, generation=generation, resumed=resumed, file_bytes=version.size
        )
        built = await ingestion.run(text, etag=version.etag, fingerprint=wanted)
        if text.pictures:
            tools.batcher.passed(claim.job_id)
        pictures = await write_images(tools, attempt, text, generation=generation, resumed=resumed)
    built = replace(
        built,
        image_space=pictures.space,
        image_count=pictures.count,
        warnings=(*built.warnings, *pictures.warnings),
    )
    attempt.lease.check()
    async with tools.sessions.begin() as session:
        await DocumentRepository(session).switch(
            claim, built, purge_delay=attempt.policy.purge_delay
        )
        finished = await JobRepository(session).complete(claim, attempt.tally)
        attempt.answered(Dependency.SCRATCH)
        await BreakerRepository(session).close(attempt.answers())
    attempt.lease.is_over = True
    if generation > 1:  # before the first there was no other version to leave a text
        await text.sweep()
    log.info(
        "document.indexed",
        generation=generation,
        chunks=built.chunk_count,
        images=built.image_count,
        embedded=attempt.tally.chunks_embedded,
        reused=attempt.tally.chunks_reused,
        tokens=attempt.tally.tokens,
        finished=finished,
    )
