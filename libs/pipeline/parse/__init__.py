"""From bytes to blocks, in child processes: `pool.py` is the way in.

Kept empty on purpose: what reads hostile bytes is imported by the children alone.
"""
