"""The parsers' part of the pipeline fingerprint."""

PARSER_VERSION = "5"  # raise it when the blocks of any document would differ
