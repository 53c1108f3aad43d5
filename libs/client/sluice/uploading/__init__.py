"""Files of this machine into a dataset: found, compared, sent, and followed to their end."""
