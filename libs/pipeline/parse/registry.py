"""Who reads what: a family is a file, a type is a line."""

from pipeline.parse.delimited import read_delimited
from pipeline.parse.engine_choice import read_pdf
from pipeline.parse.images import read_image
from pipeline.parse.json_document import read_json
from pipeline.parse.json_lines import read_json_lines
from pipeline.parse.mail import read_mail
from pipeline.parse.markdown import read_markdown
from pipeline.parse.media_types import MediaType
from pipeline.parse.office import read_office
from pipeline.parse.plain_text import read_plain_text
from pipeline.parse.source import Reader
from pipeline.parse.web_page import read_web_page
from pipeline.parse.workbook import read_workbook

READERS: dict[MediaType, Reader] = {
    MediaType.TEXT: read_plain_text,
    MediaType.MARKDOWN: read_markdown,
    MediaType.CSV: read_delimited,
    MediaType.TSV: read_delimited,
    MediaType.JSON: read_json,
    MediaType.JSONL: read_json_lines,
    MediaType.HTML: read_web_page,
    MediaType.XML: read_office,
    MediaType.EMAIL: read_mail,
    MediaType.MHTML: read_office,
    MediaType.RTF: read_office,
    MediaType.ASCIIDOC: read_office,
    MediaType.LATEX: read_office,
    MediaType.VTT: read_office,
    MediaType.NOTEBOOK: read_office,
    MediaType.PDF: read_pdf,
    MediaType.DOCX: read_office,
    MediaType.PPTX: read_office,
    MediaType.XLSX: read_workbook,
    MediaType.DOC: read_office,
    MediaType.PPT: read_office,
    MediaType.XLS: read_office,
    MediaType.OUTLOOK: read_mail,
    MediaType.ODT: read_office,
    MediaType.ODS: read_office,
    MediaType.ODP: read_office,
    MediaType.EPUB: read_office,
    MediaType.PNG: read_image,
    MediaType.JPEG: read_image,
    MediaType.TIFF: read_image,
    MediaType.WEBP: read_image,
    MediaType.BMP: read_image,
    MediaType.GIF: read_image,
}
