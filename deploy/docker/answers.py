"""A container's health check: does the service in it answer on its own port?

    answers.py VARIABLE DEFAULT_PORT PATH

VARIABLE may hold another port, as for the service itself; 0, for no port, is no reason to complain.
Only whether the process serves is asked, not what it depends on: a container that is restarted
because a store is away helps nobody.
"""

import os
import sys
from urllib.request import ProxyHandler, build_opener

TIMEOUT_SECONDS = 4.0  # below the health check's own, so that it ends by itself


def main(variable: str, default_port: str, path: str) -> int:
    port = os.environ.get(variable) or default_port
    if port == "0":
        return 0
    opener = build_opener(ProxyHandler({}))  # no proxy stands between a process and itself
    try:
        with opener.open(f"http://127.0.0.1:{port}{path}", timeout=TIMEOUT_SECONDS):
            return 0
    except OSError as error:  # urllib's errors, refused connections and timeouts are all of these
        sys.stderr.write(f"port {port}: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
