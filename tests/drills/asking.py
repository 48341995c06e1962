"""Questions to databases over connections that stay open: a program started for each would cost more than the load."""

import asyncio
import threading
from concurrent.futures import CancelledError

import asyncpg

from bet_intel.compose.servers.processes import ServerError

_SECONDS = 5.0
_NO_MORE = "the databases are not asked any more"


class Asker:
    """Asks as superuser, from any thread."""

    def __init__(self) -> None:
        self._open: dict[str, asyncpg.Connection[asyncpg.Record]] = {}
        self._turns: dict[str, asyncio.Lock] = {}
        self._asking = threading.Lock()
        self._closed = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="asker", daemon=True)
        self._thread.start()

    def number(self, dsn: str, query: str) -> int:
        """The first column of the first row.

        Raises:
            ServerError: the server does not answer, or refuses the question; or nothing is asked any more.
        """
        # Whatever is asked is in the loop before it is told to stop, or not at all.
        with self._asking:
            if self._closed:
                raise ServerError(_NO_MORE)
            asked = asyncio.run_coroutine_threadsafe(self._number(dsn, query), self._loop)
        try:
            return asked.result()
        except CancelledError:
            raise ServerError(_NO_MORE) from None
        except TimeoutError:
            raise ServerError(f"the database does not answer within {_SECONDS:g} s") from None
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise ServerError(f"the database: {error}") from error

    def close(self) -> None:
        """Nothing is asked any more; whoever waits for an answer is told so."""
        with self._asking:
            self._closed = True
        asyncio.run_coroutine_threadsafe(self._hang_up(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _hang_up(self) -> None:
        asked = asyncio.all_tasks() - {asyncio.current_task()}
        for one in asked:
            one.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        while self._open:
            self._open.popitem()[1].terminate()
        # A loop closes a socket in the turn after it is asked to.
        await asyncio.sleep(0)

    async def _number(self, dsn: str, query: str) -> int:
        async with self._turns.setdefault(dsn, asyncio.Lock()):
            try:
                async with asyncio.timeout(_SECONDS):
                    if dsn not in self._open:
                        self._open[dsn] = await asyncpg.connect(dsn)
                    return int(await self._open[dsn].fetchval(query))
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                lost = self._open.pop(dsn, None)  # the next question finds out whether it is there again
                if lost is not None:
                    lost.terminate()
                raise
