"""`envoy.service.discovery.v3.AggregatedDiscoveryService`, delta and state of the world, on raw bytes.

In: streams of proxies, and `wake` after each batch of changes. Out: what their sessions decide to send.
Rules: one coroutine writes, one reads; responses are joined when it is their turn, inside a bounded number of writers,
because queued bytes are copies; a client that does not read, or that does not tell the truth about itself, has its
stream aborted (cancelling would leave it open); a stream ends after some time, so that a certificate or token which has
run out meanwhile is asked for again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import grpc

from lateen.adapters.clock import SYSTEM, Clock
from lateen.adapters.tasks import Tasks
from lateen.controlplane.plane import ControlPlane
from lateen.controlplane.session import PermissionDeniedError, Session
from lateen.identity.callers import AuthenticationError
from lateen.identity.spiffe import Identity
from lateen.protocols.ads_codec import Flavour, PeerError

log = logging.getLogger(__name__)

SERVICE = "envoy.service.discovery.v3.AggregatedDiscoveryService"
Context = grpc.aio.ServicerContext[bytes, bytes]
Identify = Callable[[Mapping[str, str]], Awaitable[Identity]]
"""From a stream's metadata to who it is. Raises `AuthenticationError`."""


@dataclass(frozen=True)
class Limits:
    """Bounds of one process; times in seconds."""

    streams: int = 5000
    writers: int = 32
    write: float = 30.0
    age: float = 30 * 60.0


class AdsService:
    """See the module's docstring."""

    def __init__(
        self, plane: ControlPlane, identify: Identify, clock: Clock = SYSTEM, limits: Limits | None = None
    ) -> None:
        self.plane = plane
        self.identify = identify
        self.clock = clock
        self.limits = limits or Limits()
        self.writers = asyncio.Semaphore(self.limits.writers)
        self._events: dict[Session, asyncio.Event] = {}

    @property
    def streams(self) -> int:
        return len(self._events)

    def handler(self) -> grpc.GenericRpcHandler:
        """To be added to a `grpc.aio` server with `add_generic_rpc_handlers`."""
        methods: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
            "DeltaAggregatedResources": grpc.stream_stream_rpc_method_handler(self.delta),
            "StreamAggregatedResources": grpc.stream_stream_rpc_method_handler(self.state_of_the_world),
        }
        return grpc.method_handlers_generic_handler(SERVICE, methods)

    def wake(self) -> None:
        """Let the streams that a change concerns look again; call it after each batch of changes."""
        for session in self.plane.take_awake():
            event = self._events.get(session)
            if event is not None:
                event.set()

    async def delta(self, _requests: object, context: Context) -> None:
        await self._serve(Flavour.DELTA, context)

    async def state_of_the_world(self, _requests: object, context: Context) -> None:
        await self._serve(Flavour.STATE_OF_THE_WORLD, context)

    async def _serve(self, flavour: Flavour, context: Context) -> None:
        if self.streams >= self.limits.streams:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many streams")
        identity = await self._authenticated(context)
        session = Session(self.plane, flavour, identity)
        stream = _Stream(self, session, context)
        self._events[session] = stream.event
        try:
            failure = await stream.run()
        finally:
            del self._events[session]
            session.close()
            self.wake()
        if failure is not None:
            await context.abort(failure.code, failure.message)

    async def _authenticated(self, context: Context) -> Identity:
        try:
            return await self.identify(_metadata(context))
        except AuthenticationError as error:
            log.warning("discovery stream from %s refused: %s", context.peer(), error)
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "authentication failure")


@dataclass(frozen=True)
class Failure:
    """Why a stream is aborted, as the client is told."""

    code: grpc.StatusCode
    message: str


INTERNAL = Failure(grpc.StatusCode.INTERNAL, "internal error; see the control plane's log")


class _Stream:
    """One stream while it lives."""

    def __init__(self, service: AdsService, session: Session, context: Context) -> None:
        self.event = asyncio.Event()
        self._service = service
        self._session = session
        self._context = context
        self._over = False
        self._failure: Failure | None = INTERNAL
        self._until = service.clock.monotonic() + service.limits.age

    async def run(self) -> Failure | None:
        """Returns when the stream is over; what went wrong, if anything did."""
        async with Tasks() as tasks:
            tasks.start(self._read(), "discovery stream reader")
            written = await self._write()
            read = self._failure if self._over else None
        return written or read

    async def _read(self) -> None:
        try:
            while True:
                raw = await self._context.read()
                if not isinstance(raw, bytes):  # the end of the stream
                    break
                self._session.receive(raw, self._service.clock.monotonic())
                self._service.wake()
            self._failure = None
        except PeerError as error:
            log.warning("discovery stream of %s ended: %s", self._who(), error)
            self._failure = Failure(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        except PermissionDeniedError as error:
            log.warning("discovery stream from %s refused: %s", self._context.peer(), error)
            self._failure = Failure(grpc.StatusCode.PERMISSION_DENIED, str(error))
        finally:
            self._over = True
            self.event.set()

    async def _write(self) -> Failure | None:
        while not self._over:
            now = self._service.clock.monotonic()
            if now >= self._until:
                return None
            deadline = min(self._until, self._session.deadline or self._until)
            with contextlib.suppress(TimeoutError):  # `wait_for` would make a task each time
                async with asyncio.timeout(max(0.0, deadline - now)):
                    await self.event.wait()
            self.event.clear()
            if not self._over and not await self._flush():
                return Failure(grpc.StatusCode.DEADLINE_EXCEEDED, "the client does not read its stream")
        return None

    async def _flush(self) -> bool:
        """Write what is to be sent. False if the client does not read."""
        while (outgoing := self._session.outgoing(self._service.clock.monotonic())) is not None:
            async with self._service.writers:
                try:
                    async with asyncio.timeout(self._service.limits.write):
                        await self._context.write(outgoing.data())
                except TimeoutError:
                    log.warning("discovery stream of %s aborted: it does not read", self._who())
                    return False
        return True

    def _who(self) -> str:
        return self._session.node.id if self._session.node is not None else self._session.identity.uri


def _metadata(context: Context) -> dict[str, str]:
    """The stream's metadata; a name that occurs twice is ambiguous and therefore left out."""
    found: dict[str, str] = {}
    repeated = set()
    for name, value in context.invocation_metadata() or ():
        if name in found:
            repeated.add(name)
        found[name] = value if isinstance(value, str) else value.decode("latin-1")
    return {name: value for name, value in found.items() if name not in repeated}
