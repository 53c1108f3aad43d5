"""The parsers' part of the pipeline fingerprint."""

PARSER_VERSION = "3"  # raise it when the blocks of any document would differ
