"""Blocks to rows, as a stream: the first batch is embedded while the rest is still being parsed.

One task reads blocks and cuts chunks, a few others embed and store batches; a short queue between
them keeps memory flat whatever the size of the file.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, TypedDict

import structlog

from db.errors import FenceRaised
from db.repositories.documents import Built, DocumentRepository
from db.repositories.embedded_texts import Place
from pipeline.account import Account
from pipeline.analysis import DEFAULT_LANGUAGE, analyse
from pipeline.attempt import Attempt
from pipeline.chunk import ChunkSettings, ChunkStream, chunker_for
from pipeline.document import AttachmentPages, Chunk, PageNote, ParseSummary
from pipeline.embed.batcher import EmbeddedShare
from pipeline.errors import (
    Dependency,
    DependencyError,
    LeaseLost,
    PipelineError,
    TooManyChunks,
)
from pipeline.fingerprint import content_hash
from pipeline.languages import language_of
from pipeline.progress import Progress
from pipeline.reuse import Reuse, estimated_tokens
from pipeline.store.ordinals import Ordinals
from pipeline.store.rows import Row, row_identity
from pipeline.text import DocumentText
from pipeline.tools import Tools

log = structlog.get_logger(__name__)

BATCHES_WAITING = 2
# Enough to hide the store's time behind the embedder's; more would only hold more memory.
BATCHES_AT_WORK = 3
# Seconds between writes of the same rows while the store is away. Their vectors are paid for, and
# an attempt that gave up at once would have the next one pay again; a longer outage is waited for
# without holding rows in memory and a worker's thread.
WRITE_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)
CHUNKS_CUT = "chunks_cut"


class RowsOfGeneration(TypedDict):
    dataset: str
    document: str
    generation: int


@dataclass(slots=True)
class _Found:
    """Vectors by content hash. `elsewhere`: those found in another document; `cut`: those of a
    text's beginning only, which no other document is to take over."""

    vectors: dict[str, Sequence[float]] = field(default_factory=dict)
    elsewhere: set[str] = field(default_factory=set)
    cut: set[str] = field(default_factory=set)


class RowsMissing(DependencyError):
    """The store counts other rows than were written; the next attempt writes what is missing."""

    code = "rows_missing"


class Ingestion:
    """Writes one generation of a document."""

    def __init__(
        self, tools: Tools, attempt: Attempt, *, generation: int, resumed: bool, file_bytes: int
    ) -> None:
        self._tools = tools
        self._attempt = attempt
        self._generation = generation
        self._resumed = resumed
        self._present = Ordinals()
        # What each of them is, where chunks may differ from those of an earlier attempt.
        self._identities: dict[int, str] = {}
        self._cut_before: set[int] = set()  # of those, ordinals
        self._file_bytes = file_bytes
        self._progress = Progress(
            tools.sessions,
            attempt,
            costs=tools.costs.of(attempt.target.file_name),
            ticks=tools.ticks,
            file_bytes=file_bytes,
        )
        self._batches: asyncio.Queue[list[Chunk] | None] = asyncio.Queue(BATCHES_WAITING)
        self._failures: list[Exception] = []
        self._languages: set[str | None] = set(attempt.target.languages)
        self._chunks = 0
        self._characters = 0
        self._in_part: set[int] = set()  # ordinals of chunks that the model takes only in part
        self._account = Account(
            attempt.claim, attempt.tally.bill, tools.model, is_first=attempt.precedence is None
        )
        self._reuse = Reuse(
            tools.sessions,
            tools.vectors,
            tenant=attempt.target.tenant_id,
            space=tools.model.space,
        )

    async def run(self, text: DocumentText, *, etag: str, fingerprint: str) -> Built:
        """Write all rows of the generation and count them.

        Raises:
            PipelineError: whatever stage failed; rows already written stay for the next attempt.
        """
        space = self._tools.model.space
        self._progress.tick()
        chunks = self._chunk_stream()
        if self._resumed:
            await self._look_for_rows(chunks)
        await self._stream(text, chunks)
        if chunks.asks:
            await self._drop_surplus()
        await self._verify()
        self._learn()
        summary = text.summary
        return Built(
            generation=self._generation,
            etag=etag,
            fingerprint=fingerprint,
            space=space,
            chunk_count=self._chunks,
            page_count=summary.page_count,
            character_count=summary.char_count,
            media_type=summary.media_type,
            warnings=(*summary.warnings, *([CHUNKS_CUT] if self._in_part else [])),
            pages_read=_pages_read(summary),
        )

    def _chunk_stream(self) -> ChunkStream:
        target, model = self._attempt.target, self._tools.model
        chosen = ChunkSettings(
            strategy=target.chunk_strategy,
            size=target.chunk_size,
            overlap=target.chunk_overlap,
            heading_prefix=target.chunk_heading_prefix,
        )
        return ChunkStream(chunker_for(chosen, input_tokens=model.text_tokens), self._passages)

    async def _look_for_rows(self, chunks: ChunkStream) -> None:
        """See what an earlier attempt has stored."""
        space, rows = self._tools.model.space, self._rows_of_generation()
        if chunks.asks:
            self._identities = await self._tools.vectors.present_rows(space, **rows)
            self._present = Ordinals(self._identities)
        else:
            self._present = await self._tools.vectors.present_ordinals(space, **rows)
        if self._present.end:
            self._cut_before = await self._tools.vectors.cut_ordinals(space, **rows)

    async def _drop_surplus(self) -> None:
        """Remove what an earlier attempt, that cut otherwise, has stored behind the last chunk."""
        if self._present.end > self._chunks:
            self._attempt.lease.check()
            await self._tools.vectors.delete_rows(
                self._tools.model.space, **self._rows_of_generation(), first=self._chunks
            )

    async def _stream(self, text: DocumentText, chunks: ChunkStream) -> None:
        """What ends it early leaves the batches that are at work to their end: their texts are
        with the embedder, and what is paid is stored. Only with the lease all ends at once."""
        failure: BaseException | None = None
        try:
            async with asyncio.TaskGroup() as tasks:
                reading = tasks.create_task(self._cut(text, chunks))
                tasks.create_task(self._close_behind(reading))
                for _ in range(BATCHES_AT_WORK):
                    tasks.create_task(self._work(reading))
        except BaseExceptionGroup as group:
            failure = _first([group])
        if failure is None and self._failures:
            failure = _first(self._failures)
        if failure is not None:  # out here, so that its own cause stays its cause
            raise failure

    def _fail(self, error: Exception) -> None:
        if isinstance(error, LeaseLost | FenceRaised):
            raise error
        self._failures.append(error)

    async def _cut(self, text: DocumentText, chunks: ChunkStream) -> None:
        try:
            await self._read(text, chunks)
        except Exception as error:
            self._fail(error)

    async def _close_behind(self, reading: asyncio.Task[None]) -> None:
        """Tell those who work on batches that there are no more, however the reading ended."""
        await asyncio.wait([reading])
        for _ in range(BATCHES_AT_WORK):
            await self._batches.put(None)

    async def _read(self, text: DocumentText, chunks: ChunkStream) -> None:
        """Read blocks, cut chunks, and queue them in batches."""
        waiting: list[Chunk] = []
        size = self._tools.model.batch_inputs
        async for blocks in text.blocks():
            self._characters += sum(len(block.text) for block in blocks)
            await self._progress.read(characters=self._characters)
            waiting += await chunks.feed(blocks)
            while len(waiting) >= size:
                await self._queue(waiting[:size])
                waiting = waiting[size:]
        waiting += await chunks.finish()
        for start in range(0, len(waiting), size):
            await self._queue(waiting[start : start + size])
        self._progress.know(chunks=self._chunks)
        await text.keep()

    async def _queue(self, batch: list[Chunk]) -> None:
        self._chunks += len(batch)
        self._progress.cut(chunks=self._chunks)
        if self._chunks > self._attempt.policy.chunks_max:
            raise TooManyChunks(
                f"The document has more than {self._attempt.policy.chunks_max} chunks."
            )
        await self._batches.put(batch)

    async def _work(self, reading: asyncio.Task[None]) -> None:
        """Write batches until there are no more; once something has failed, only take them."""
        me = asyncio.current_task()
        while (batch := await self._batches.get()) is not None:
            if self._failures:
                continue
            try:
                await self._attempt.step()
                await self._advance(batch)
            except Exception as error:
                if me is not None and me.cancelling():
                    raise
                self._fail(error)
                reading.cancel()
            # A commit that fails while it is cancelled raises its own error in place of the
            # cancellation, which comes only once; and nobody would bring a further batch.
            if me is not None and me.cancelling():
                raise asyncio.CancelledError

    async def _advance(self, batch: list[Chunk]) -> None:
        stored = [chunk for chunk in batch if self._is_stored(chunk)]
        new = [chunk for chunk in batch if not self._is_stored(chunk)]
        self._attempt.tally.chunks_reused += len(stored)
        if stored:
            await self._find_stored(stored)
        if new:
            await self._store(new)
        await self._progress.advance(len(batch), stored=len(new))

    async def _find_stored(self, chunks: Sequence[Chunk]) -> None:
        """What an attempt that was cut off between a row and its note could not say."""
        self._in_part |= self._cut_before & {chunk.ordinal for chunk in chunks}
        whole = [chunk for chunk in chunks if chunk.ordinal not in self._cut_before]
        await self._reuse.note({self._hash(chunk): self._place(chunk) for chunk in whole})

    def _place(self, chunk: Chunk) -> Place:
        target = self._attempt.target
        return Place(target.dataset_id, target.document_id, self._generation, chunk.ordinal)

    def _is_stored(self, chunk: Chunk) -> bool:
        if chunk.ordinal not in self._present:
            return False
        identity = row_identity(self._hash(chunk), chunk.char_start)
        return self._identities.get(chunk.ordinal, identity) == identity

    def _hash(self, chunk: Chunk) -> str:
        return content_hash(self._tools.model.passage_prefix + chunk.context + chunk.text)

    async def _store(self, chunks: Sequence[Chunk]) -> None:
        hashes = [self._hash(chunk) for chunk in chunks]
        texts = [chunk.context + chunk.text for chunk in chunks]
        languages = await asyncio.to_thread(lambda: [language_of(text) for text in texts])
        await self._note(languages)
        found = await self._vectors(dict(zip(hashes, texts, strict=True)))
        self._in_part |= {
            chunk.ordinal for chunk, key in zip(chunks, hashes, strict=True) if key in found.cut
        }
        rows = await asyncio.to_thread(self._rows, chunks, hashes, found.vectors, languages)
        with self._attempt.stage("store"):
            await self._write(rows)
        self._attempt.stored(len(rows))
        self._attempt.answered(Dependency.VECTOR_STORE)
        places = {key: self._place(chunk) for chunk, key in zip(chunks, hashes, strict=True)}
        await self._reuse.note(
            {key: place for key, place in places.items() if key not in found.cut | found.elsewhere}
        )
        await self._reuse.note_copies({key: places[key] for key in found.elsewhere})

    async def _note(self, languages: Sequence[str | None]) -> None:
        """Have queries look for words in the forms of these languages, from before any row has
        them: afterwards a crash could leave rows that nobody finds."""
        for language in set(languages) - self._languages - {None}:
            async with self._tools.sessions.begin() as session:
                await DocumentRepository(session).note_language(
                    self._attempt.target.dataset_id, str(language)
                )
            self._languages.add(language)

    async def _write(self, rows: Sequence[Row]) -> None:
        for pause in WRITE_PAUSES:
            try:
                return await self._write_once(rows)
            except DependencyError as error:
                log.warning("rows.write_failed", error_code=error.code, again_seconds=pause)
            await asyncio.sleep(pause)
        return await self._write_once(rows)

    async def _write_once(self, rows: Sequence[Row]) -> None:
        # Only the lease: what is paid is stored, also by a worker that is stopping.
        self._attempt.lease.check()
        await self._tools.vectors.write(self._tools.model.space, rows)

    async def _vectors(self, texts: dict[str, str]) -> _Found:
        """The vector of each text: from the old rows, from other documents, or embedded."""
        target, tally, model = self._attempt.target, self._attempt.tally, self._tools.model
        found = _Found()
        vectors = found.vectors
        if target.live_generation is not None and target.live_space == model.space:
            old, cut = await self._tools.vectors.vectors_by_hash(
                model.space,
                dataset=str(target.dataset_id),
                document=str(target.document_id),
                generation=target.live_generation,
                hashes=list(texts),
            )
            vectors.update(old)
            found.cut |= cut
        missing = [key for key in texts if key not in vectors]
        elsewhere = await self._reuse.find(missing) if missing else {}
        vectors.update(elsewhere)
        found.elsewhere |= elsewhere.keys()
        await self._saved([text for key, text in texts.items() if key in vectors])
        missing = [key for key in missing if key not in vectors]
        if missing:
            embedded = await self._embed([texts[key] for key in missing])
            vectors.update(zip(missing, embedded.vectors, strict=True))
            await self._saved([texts[missing[index]] for index in embedded.reused])
            tally.chunks_embedded += len(missing) - len(embedded.reused)
            found.cut |= {missing[index] for index in embedded.cut}
        return found

    async def _saved(self, texts: Sequence[str]) -> None:
        """These were paid for before."""
        if texts:
            self._attempt.tally.chunks_reused += len(texts)
            tokens = await asyncio.to_thread(estimated_tokens, texts)
            self._account.save(texts=len(texts), tokens=tokens)

    async def _passages(self, texts: list[str]) -> Sequence[Sequence[float]]:
        """Vectors that decide where chunks end."""
        return (await self._embed(texts)).vectors

    async def _embed(self, texts: list[str]) -> EmbeddedShare:
        self._attempt.check()
        if await self._tools.is_away(Dependency.VECTOR_STORE):
            # What is paid for now could not be stored, and would be paid for again.
            raise DependencyError(
                "The vector store does not answer.", dependency=Dependency.VECTOR_STORE
            )
        with self._attempt.stage("embed"):
            share = await self._tools.batcher.embed(self._account, texts)
        self._attempt.answered(Dependency.EMBEDDER)
        return share

    def _rows(
        self,
        chunks: Sequence[Chunk],
        hashes: Sequence[str],
        vectors: dict[str, Sequence[float]],
        languages: Sequence[str | None],
    ) -> list[Row]:
        target = self._attempt.target
        return [
            Row(
                tenant=str(target.tenant_id),
                dataset=str(target.dataset_id),
                document=str(target.document_id),
                generation=self._generation,
                ordinal=chunk.ordinal,
                dense=vectors[key],
                text=chunk.text,
                tokens=analyse(chunk.context + chunk.text, language=language or DEFAULT_LANGUAGE),
                content_hash=key,
                char_start=chunk.char_start,
                char_end=chunk.char_end,
                file_name=target.file_name,
                heading_path=chunk.heading_path,
                position=chunk.position,
                metadata={"context": chunk.context} if chunk.context else {},
                is_cut=chunk.ordinal in self._in_part,
            )
            for chunk, key, language in zip(chunks, hashes, languages, strict=True)
        ]

    def _learn(self) -> None:
        """Note what the stages took, for the progress of files like it."""
        tally = self._attempt.tally
        if "parse" in tally.stage_seconds and not (self._resumed or tally.chunks_reused):
            self._tools.costs.learn(
                self._attempt.target.file_name,
                tally.stage_seconds,
                total_seconds=time.monotonic() - self._attempt.began,
                file_bytes=self._file_bytes,
                characters=self._characters,
            )

    def _rows_of_generation(self) -> RowsOfGeneration:
        target = self._attempt.target
        return RowsOfGeneration(
            dataset=str(target.dataset_id),
            document=str(target.document_id),
            generation=self._generation,
        )

    async def _verify(self) -> None:
        if self._chunks == 0 and not self._resumed:
            return
        with self._attempt.stage("verify"):
            counted = await self._tools.vectors.count(
                self._tools.model.space, **self._rows_of_generation()
            )
        if counted != self._chunks:
            raise RowsMissing(
                f"The vector store counts {counted} of {self._chunks} rows.",
                dependency=Dependency.VECTOR_STORE,
            )


def _pages_read(summary: ParseSummary) -> dict[str, Any] | None:
    if summary.pages_with_text is None and not summary.attachments:
        return None
    return {
        "with_text": summary.pages_with_text,
        "by_ocr": summary.pages_by_ocr,
        "notes": [_fields(note) for note in summary.page_notes],
        "attachments": [_fields(each) for each in summary.attachments],
    }


def _fields(said: PageNote | AttachmentPages) -> dict[str, Any]:
    return {name: value for name, value in asdict(said).items() if value is not None}


def _first(errors: Sequence[BaseException]) -> BaseException:
    """The error that ended some tasks; ours before what it brought about in the others."""
    leaves = [leaf for error in errors for leaf in _leaves(error)]
    return next((leaf for leaf in leaves if isinstance(leaf, PipelineError)), leaves[0])


def _leaves(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in _leaves(inner)]
    return [error]
