"""PDFs: pages as lines, lines as paragraphs, headings and tables, a window of pages at a time."""

from pipeline.parse.pdf.reader import read_pdf

__all__ = ["read_pdf"]
