"""Parsing measured: structure against known answers, speed, and whether chunks point home."""
