"""The parsers' part of the pipeline fingerprint."""

PARSER_VERSION = "6"  # raise it when the blocks of any document would differ
