"""The rows of a generation in the image space: one for each picture of the document.

They have the ids that rows of text have, (document, generation, ordinal) in a collection of their
own, so the same switch shows them and the same deletes remove them. A row that is there was paid
for and is passed over; a picture that the live version had too takes its vector from there.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from pipeline.analysis import DEFAULT_LANGUAGE, analyse
from pipeline.attempt import Attempt
from pipeline.document import Picture
from pipeline.errors import Dependency
from pipeline.fingerprint import content_hash_of_image
from pipeline.images.client import EmbeddedPictures, ImageEmbedder
from pipeline.ingest import RowsMissing, RowsOfGeneration
from pipeline.languages import language_of
from pipeline.store.ordinals import Ordinals
from pipeline.store.rows import Row
from pipeline.text import DocumentText
from pipeline.tools import Tools

log = structlog.get_logger(__name__)

PICTURES_PER_ROUND = 16  # held in memory at once, with their vectors
IMAGES_NOT_EMBEDDED = "images_not_embedded"


@dataclass(frozen=True, slots=True)
class ImagesBuilt:
    """`space` None: there is no endpoint, and no picture was looked for."""

    space: str | None = None
    count: int = 0
    warnings: tuple[str, ...] = ()


async def write_images(
    tools: Tools, attempt: Attempt, text: DocumentText, *, generation: int, resumed: bool
) -> ImagesBuilt:
    """Write the rows of all pictures of a text that was read to its end and kept, and count them.

    Raises:
        PipelineError: whatever failed; rows already written stay for the next attempt.
    """
    if tools.images is None:
        return ImagesBuilt()
    writing = _Writing(tools, tools.images, attempt, text, generation)
    return await writing.run(resumed=resumed)


class _Writing:
    def __init__(
        self,
        tools: Tools,
        embedder: ImageEmbedder,
        attempt: Attempt,
        text: DocumentText,
        generation: int,
    ) -> None:
        self._tools = tools
        self._embedder = embedder
        self._space = embedder.model.space
        self._attempt = attempt
        self._text = text
        self._generation = generation
        self._left_out = 0
        self._reused = 0

    async def run(self, *, resumed: bool) -> ImagesBuilt:
        pictures, rows = self._text.pictures, self._rows_of_generation()
        present = Ordinals()
        if resumed:
            present = await self._tools.vectors.present_ordinals(self._space, **rows)
            if present.end > len(pictures):
                self._attempt.lease.check()
                await self._tools.vectors.delete_rows(self._space, **rows, first=len(pictures))
        missing = [picture for picture in pictures if picture.ordinal not in present]
        for start in range(0, len(missing), PICTURES_PER_ROUND):
            await self._attempt.step()
            await self._write(missing[start : start + PICTURES_PER_ROUND])
        count = len(pictures) - self._left_out
        if pictures or present.end:
            await self._verify(count)
            found_again = len(pictures) - len(missing)
            log.info("images.indexed", images=count, found_again=found_again, reused=self._reused)
        warnings = (IMAGES_NOT_EMBEDDED,) if self._left_out else ()
        return ImagesBuilt(self._space, count, warnings)

    async def _write(self, pictures: Sequence[Picture]) -> None:
        crops = {each.ordinal: await self._text.crop(each) for each in pictures}
        found = [(each, data) for each in pictures if (data := crops[each.ordinal]) is not None]
        self._left_out += len(pictures) - len(found)
        hashes = {each.ordinal: content_hash_of_image(data) for each, data in found}
        vectors = await self._known(list(hashes.values()))
        self._reused += sum(key in vectors for key in hashes.values())
        new = [(each, data) for each, data in found if hashes[each.ordinal] not in vectors]
        embedded = await self._embed(new)
        for (picture, _), vector in zip(new, embedded.vectors, strict=True):
            if vector is not None:
                vectors[hashes[picture.ordinal]] = vector
        self._left_out += len(embedded.refused)
        rows = [
            self._row(picture, hashes[picture.ordinal], vectors[hashes[picture.ordinal]])
            for picture, _ in found
            if hashes[picture.ordinal] in vectors
        ]
        if rows:
            with self._attempt.stage("store"):
                # Only the lease: what is paid is stored, also by a worker that is stopping.
                self._attempt.lease.check()
                await self._tools.vectors.write(self._space, rows)
            self._attempt.stored(len(rows))
            self._attempt.answered(Dependency.VECTOR_STORE)
        if embedded.error is not None:
            raise embedded.error

    async def _known(self, hashes: list[str]) -> dict[str, Sequence[float]]:
        live = self._attempt.target.live_generation
        if live is None or not hashes:
            return {}
        rows = self._rows_of_generation()
        rows["generation"] = live
        vectors, _ = await self._tools.vectors.vectors_by_hash(self._space, **rows, hashes=hashes)
        return dict(vectors)

    async def _embed(self, pictures: Sequence[tuple[Picture, bytes]]) -> EmbeddedPictures:
        if not pictures:
            return EmbeddedPictures([])
        self._attempt.check()
        with self._attempt.stage("embed"):
            embedded = await self._embedder.embed_pictures(
                [data for _, data in pictures],
                pixels=[each.width * each.height for each, _ in pictures],
            )
        await self._charge(embedded)
        return embedded

    async def _charge(self, embedded: EmbeddedPictures) -> None:
        """What was answered, before anything else can go wrong."""
        if not embedded.tokens:
            return
        model, bill = self._embedder.model, self._attempt.tally.bill
        told = embedded.tokens - embedded.tokens_counted
        bill.charge(model.model, model.price, told, counted=False)
        bill.charge(model.model, model.price, embedded.tokens_counted, counted=True)
        await self._tools.ledger.write([(self._attempt.claim, bill)])

    async def _verify(self, expected: int) -> None:
        with self._attempt.stage("verify"):
            counted = await self._tools.vectors.count(self._space, **self._rows_of_generation())
        if counted != expected:
            raise RowsMissing(
                f"The vector store counts {counted} of {expected} rows of images.",
                dependency=Dependency.VECTOR_STORE,
            )

    def _row(self, picture: Picture, key: str, vector: Sequence[float]) -> Row:
        target, near = self._attempt.target, picture.near
        return Row(
            tenant=str(target.tenant_id),
            dataset=str(target.dataset_id),
            document=str(target.document_id),
            generation=self._generation,
            ordinal=picture.ordinal,
            dense=vector,
            text=near,
            tokens=analyse(near, language=language_of(near) or DEFAULT_LANGUAGE),
            content_hash=key,
            char_start=0,
            char_end=0,
            file_name=target.file_name,
            position=picture.position,
            metadata={
                "crop": self._text.crop_key(picture),
                "width": picture.width,
                "height": picture.height,
            },
        )

    def _rows_of_generation(self) -> RowsOfGeneration:
        target = self._attempt.target
        return RowsOfGeneration(
            dataset=str(target.dataset_id),
            document=str(target.document_id),
            generation=self._generation,
        )
