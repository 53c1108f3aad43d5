"""Which engine reads PDFs: docling's full pipeline where its models are, else what needs none."""

from collections.abc import Iterator

from pipeline.parse.docling_models import configured
from pipeline.parse.pdf import read_pdf as read_pdf_without_models
from pipeline.parse.pdf_by_models import read_pdf_by_models
from pipeline.parse.source import Draft, Notes, Source


def read_pdf(source: Source, notes: Notes) -> Iterator[Draft]:
    """Raises TooLarge, TooManyPages, DocumentEncrypted and DocumentCorrupt."""
    models = configured()
    if models is None:
        yield from read_pdf_without_models(source, notes)
    else:
        yield from read_pdf_by_models(source, notes, models)
