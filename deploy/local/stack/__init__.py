"""The launcher of the local stack: every server and service on one machine, without Docker.

`python -m stack up` (the command line) and `stack.backends.Backends` (for tests) start the same
parts, described once in `servers.py`, `standins.py` and `services.py`.
"""
