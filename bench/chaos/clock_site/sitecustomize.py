"""Read at the start of a process whose clock `clock.c` sets wrong: gRPC gets the right time.

gRPC's Python half makes deadlines of `time.time()` and its native half compares them with the
kernel's clock. On a machine whose clock is wrong the two agree; here they would not, and with a
clock that is behind every call would be late before it began.
"""

import os
import sys
import time

SKEW_SECONDS = int(os.environ.get("CHAOS_SKEW_SECONDS", "0"))
wrong_time = time.time


def _time() -> float:
    caller = sys._getframe(1).f_globals.get("__name__", "")
    return wrong_time() - (SKEW_SECONDS if caller.partition(".")[0] == "grpc" else 0)


time.time = _time
