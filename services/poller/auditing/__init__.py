"""Bucket, tables and index compared: each side in a file, and who asks for it in another."""
