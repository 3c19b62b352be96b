"""The live stream: alerts and incidents as they are stored, how all is every two seconds (server-sent events)."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from oddflow.server.access.gate import still
from oddflow.server.access.guard import Viewer
from oddflow.server.access.identity import Identity
from oddflow.server.web.answers import problems
from oddflow.server.web.feed import Feed, Place
from oddflow.server.web.problems import Problem

router = APIRouter(prefix="/api/v1", tags=["live"])

MOST_LISTENERS = 256
MOST_OF_ONE = 16
CHECK_S = 5.0
RETRY = b"retry: 2000\n\n"
BEAT = b": still here\n\n"
RESET = b"event: reset\ndata: {}\n\n"
GOODBYE = b"event: goodbye\ndata: {}\n\n"
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class Live:
    """All who listen.

    Args:
        feed: What is new.
        check_s: How often it is asked whether each may still listen.
    """

    def __init__(self, feed: Feed, *, check_s: float = CHECK_S) -> None:
        self._feed, self._check_s = feed, check_s
        self._listeners: Counter[int] = Counter()
        self._wakers: set[asyncio.Event] = set()
        self._is_over = False

    def check_room(self, who: Identity) -> None:
        """Whether one more may listen.

        Raises:
            Problem: There are too many.
        """
        if self._listeners.total() >= MOST_LISTENERS or self._listeners[who.user_id] >= MOST_OF_ONE:
            raise Problem(429, "too many live streams are open; close one", headers={"Retry-After": "10"})

    def close(self) -> None:
        """Ends all streams, from the loop that they are in."""
        self._is_over = True
        for waker in self._wakers:
            waker.set()

    async def stream(self, request: Request, who: Identity, last: str, for_s: float) -> AsyncIterator[bytes]:
        """What one listener is sent, beginning with what they missed."""
        loop, fresh = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            loop.call_soon_threadsafe(fresh.set)

        self._listeners[who.user_id] += 1
        self._wakers.add(fresh)
        try:
            yield RETRY
            number, place = await run_in_threadpool(self._feed.begin, wake)
            if last:
                before = Place.parse(last)
                missed = await run_in_threadpool(self._feed.backlog, before, place) if before else None
                yield RESET if missed is None else b"".join(one.written() for one in missed)
            until = loop.time() + for_s
            while not self._is_over and (left := until - loop.time()) > 0:
                try:
                    await asyncio.wait_for(fresh.wait(), min(self._check_s, left))
                except TimeoutError:
                    yield BEAT
                fresh.clear()
                news = self._feed.since(number)
                if news is None:
                    number, _ = await run_in_threadpool(self._feed.begin, wake)
                    yield RESET
                elif news:
                    number = news[-1].number
                    yield b"".join(one.written() for one in news)
                if not await self._may_go_on(request):
                    break
            yield GOODBYE
        finally:
            self._wakers.discard(fresh)
            self._feed.end(wake)
            self._listeners[who.user_id] -= 1
            self._listeners += Counter()  # drops those at 0

    async def _may_go_on(self, request: Request) -> bool:
        now = asyncio.get_running_loop().time()
        if now - getattr(request.state, "checked_s", 0.0) < self._check_s:
            return True
        request.state.checked_s = now
        return await still(request)


@router.get(
    "/live",
    response_class=StreamingResponse,
    responses=problems() | {200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
    summary="The live stream",
)
async def live(
    request: Request,
    who: Viewer,
    last_event_id: Annotated[str, Header(max_length=64, description="Sent by browsers that come back.")] = "",
    for_s: Annotated[
        float, Query(gt=0, le=86_400, description="End after so many seconds; come back with Last-Event-ID.")
    ] = 86_400.0,
) -> StreamingResponse:
    """Server-sent events: `alert`, `incident` and `notice` as they are stored, `status` every two seconds.

    Whoever comes back with `Last-Event-ID` is sent what they missed, or `reset` where that is too much: then read the
    lists anew. It ends with `goodbye` where the session or token does.
    """
    stream: Live = request.app.state.live
    stream.check_room(who)
    return StreamingResponse(
        stream.stream(request, who, last_event_id, for_s), media_type="text/event-stream", headers=HEADERS
    )
