"""What the launcher tells its user instead of a traceback."""


class StackError(Exception):
    """A sentence for the person at the terminal; names the part, and its log where there is one."""


class PortTaken(StackError):
    """Another program listens on a port that a part needs."""


class PartFailed(StackError):
    """A part ended, or did not become ready in its time."""
