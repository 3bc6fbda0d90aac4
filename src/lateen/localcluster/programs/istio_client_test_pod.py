"""Stands for the image istio_client_test_pod: calls go-multiroute once, logs the answer, and then waits.

In: nothing. Out: a line in the log. Rule: standard library only, Python 3.9 or newer. While nobody answers it tries
again each
second: a sidecar may come up after it.
"""

import os
import signal
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from webclient import CallError, fetch
from webserver import log

ATTEMPTS = 60


def main():
    """Call, log, wait for a signal."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    for _ in range(ATTEMPTS):
        try:
            status, _headers, body = fetch("go-multiroute", 3000, "/route1")
            log("status:{} text: {}".format(status, body.decode(errors="replace")))
            break
        except CallError as error:
            log(f"Call err: {error}")
        if stopping.wait(1):
            return
    while not stopping.wait(3600):
        pass


if __name__ == "__main__":
    main()
