"""Stands for the image two_port_svc: says hello on ports 3100 and 3200.

In: nothing. Out: HTTP. Rule: standard library only, Python 3.9 or newer.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from webserver import Response, Server, log


def main():
    """Serve both ports."""
    server = Server()
    for name, port in (("server1", 3100), ("server2", 3200)):
        server.listen_http(port, lambda _request, name=name: Response(200, f"{name}: Hello, World!"))
        log(f"listening on :{port}")
    server.run()


if __name__ == "__main__":
    main()
