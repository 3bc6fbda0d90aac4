"""`pilot-agent` inside a proxy container: the commands that people and lifecycle hooks run there.

In: `request METHOD PATH [BODY]` (to Envoy's administration, or to the agent with --debug-port), `wait`, `version`.
Out: the answer on standard output. The rule: standard library only, because it runs in containers; names, flags and
exit codes are those of Istio's program.
"""

import argparse
import sys
import time
import urllib.error
import urllib.request

ADMIN_PORT = 15000
READY_URL = "http://localhost:15021/healthz/ready"
VERSION = "1.32.0"
LARGEST_ERROR = 2000


def main(arguments: list[str]) -> int:
    options = parser().parse_args(arguments)
    return options.run(options)


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="pilot-agent", description="Talks to the proxy of this pod.")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    request = commands.add_parser("request", help="make an HTTP request to the proxy's administration")
    request.add_argument("--debug-port", type=int, default=ADMIN_PORT, help="port of the request (default 15000)")
    request.add_argument("method")
    request.add_argument("path")
    request.add_argument("body", nargs="?", default="")
    request.set_defaults(run=run_request)
    wait = commands.add_parser("wait", help="wait until the proxy is ready")
    wait.add_argument("--url", default=READY_URL)
    wait.add_argument("--timeoutSeconds", type=float, default=60.0)
    wait.add_argument("--requestTimeoutMillis", type=float, default=500.0)
    wait.add_argument("--periodMillis", type=float, default=500.0)
    wait.set_defaults(run=run_wait)
    version = commands.add_parser("version", help="print the version")
    version.add_argument("--short", "-s", action="store_true")
    version.set_defaults(run=run_version)
    return top


def run_request(options: argparse.Namespace) -> int:
    url = f"http://127.0.0.1:{options.debug_port}/{options.path.lstrip('/')}"
    body = options.body.encode() if options.body else None
    request = urllib.request.Request(url, data=body, method=options.method.upper())
    try:
        with direct().open(request, timeout=60) as response:
            sys.stdout.buffer.write(response.read())
            sys.stdout.flush()
            return 0
    except urllib.error.HTTPError as error:
        text = error.read(LARGEST_ERROR).decode(errors="replace").strip()
        return fail(f"received unsuccessful status code {error.code}: {text}")
    except OSError as error:
        return fail(f"the proxy does not answer on port {options.debug_port}: {error}")


def run_wait(options: argparse.Namespace) -> int:
    end = time.monotonic() + options.timeoutSeconds
    reason = "it was not asked"
    while time.monotonic() < end:
        try:
            with direct().open(options.url, timeout=options.requestTimeoutMillis / 1000):
                print("Envoy is ready!", flush=True)
                return 0
        except OSError as error:
            reason = str(error)
        time.sleep(options.periodMillis / 1000)
    return fail(f"timeout waiting for Envoy to become ready: {reason}")


def run_version(options: argparse.Namespace) -> int:
    print(VERSION if options.short else f"client version: {VERSION}")
    return 0


def direct() -> urllib.request.OpenerDirector:
    """The proxy is on this machine: variables that name an HTTP proxy do not apply."""
    return urllib.request.build_opener(urllib.request.ProxyHandler({}))


def fail(message: str) -> int:
    print(f"Error: {message}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
