"""Text of pictures: scanned pages and images.

Kept empty on purpose: the networks and what they need are loaded where the first picture is read.
"""
