"""Chaos: the real processes and servers under drawn faults, compared with a quiet run."""
