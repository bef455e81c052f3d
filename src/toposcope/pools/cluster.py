"""Workers of a Dask cluster, wherever they are. Dask is an extra, and nothing but this file knows it."""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from typing import Any

from toposcope._errors import InputError, MissingDependencyError, TaskError, UnavailableError, one_line
from toposcope.pools.lent import Lent, perform_batch
from toposcope.pools.work import Limits, Work
from toposcope.store import Store

_CONNECT = 20.0
"""Seconds to find the scheduler."""
PATIENCE = 120.0
"""Seconds that a cluster may be without any worker: a queue of batch jobs may take a while to start the first."""
_COUNT_EVERY = 5.0
"""Seconds between two looks at how many workers there are: clusters grow and shrink."""


class Cluster(Lent):
    """A pool over a `distributed.Client`, which is not closed afterwards. Every worker sees the folder of the run."""

    def __init__(
        self,
        client: Any,
        store: Store,
        limits: Limits = Limits(),  # noqa: B008 (frozen)
        patience: float = PATIENCE,
    ) -> None:
        self._client, self._patience = client, patience
        self._threads: dict[str, int] = {}
        self._counted, self._last_seen = float("-inf"), time.monotonic()
        super().__init__(client.get_executor(pure=False), 1, store, limits)

    @property
    def workers(self) -> int:
        """How many there are now; 1 while none has come yet, so that there is something to come for."""
        return max(1, len(self._seen()))

    @workers.setter
    def workers(self, value: int) -> None:
        """The cluster decides."""

    @property
    def advice(self) -> str | None:
        """What is not as it should be, in a line."""
        if any(threads > 1 for threads in self._seen().values()):
            return "Dask workers with several threads perform one task at a time; start them with --nthreads 1"
        return None

    def submit(self, batch: Sequence[Work], but_not: str) -> Any:
        """As `Lent.submit`; another worker is asked for, and any is taken where there is no other."""
        others = [address for address in self._seen() if address != but_not]
        chosen = {"workers": others, "allow_other_workers": True} if but_not and others else {}
        return self._client.submit(perform_batch, batch, self._orders, pure=False, **chosen)

    def check(self) -> None:
        """As `Lent.check`."""
        if self._client.status != "running":
            raise TaskError("the Dask scheduler is gone; everything finished is kept, run again to go on")
        self._counted = float("-inf")
        if not self._seen() and time.monotonic() > self._last_seen + self._patience:
            raise TaskError(
                f"the Dask cluster has had no worker for {self._patience:.0f} s; everything finished is kept, start "
                "workers and run again"
            )

    def _seen(self) -> dict[str, int]:
        """Threads of every worker, by its address."""
        if time.monotonic() > self._counted + _COUNT_EVERY:
            try:
                self._threads = dict(self._client.ncores())
            except Exception as error:
                if self._client.status != "running":
                    raise TaskError("the Dask scheduler is gone; everything finished is kept, run again") from error
                raise
            self._counted = time.monotonic()
            if self._threads:
                self._last_seen = self._counted
        return self._threads


@contextlib.contextmanager
def connected(address: str, workers: int) -> Iterator[Any]:
    """A client of the scheduler at `address`; "local" starts a cluster of `workers` processes on the loopback alone.

    Raises MissingDependencyError without Dask, UnavailableError when no scheduler answers.
    """
    distributed = _import()
    if address == "local":
        import dask

        # A task that has killed its worker twice is the driver's business, which says so; Dask's own words are noise.
        with (
            dask.config.set({"distributed.scheduler.allowed-failures": 1}),
            distributed.LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",
                memory_limit=0,
                silence_logs=logging.CRITICAL,
            ) as cluster,
            distributed.Client(cluster, set_as_default=False) as client,
        ):
            yield client
        return
    with _unlogged():
        try:
            client = distributed.Client(address, timeout=_CONNECT, set_as_default=False)
        except (OSError, ValueError, TypeError, ImportError) as error:
            raise UnavailableError(
                f"no Dask scheduler answers at {address!r}: {one_line(error)}; start one with `dask scheduler`, or "
                "check the address"
            ) from error
        with client:
            yield client


@contextlib.contextmanager
def _unlogged() -> Iterator[None]:
    """What the client meets is said in a line of ours, not in tracebacks of Dask's log."""
    loggers = [logging.getLogger(name) for name in ("distributed", "distributed.client", "tornado.application")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def unprotected(address: str) -> bool:
    """Whether tasks for this address cross a network where anybody may read them and send their own."""
    scheme, separator, rest = address.rpartition("://")
    if address == "local" or (separator and scheme != "tcp"):
        return False
    host = rest.rpartition(":")[0].strip("[]")
    with contextlib.suppress(ValueError):
        return not ipaddress.ip_address(host).is_loopback
    return host != "localhost"


def client_of(executor: Executor) -> Any:
    """The Dask client behind an executor or a client; None for other executors."""
    if type(executor).__module__.partition(".")[0] != "distributed":
        return None
    client = getattr(executor, "_client", executor)
    if not hasattr(client, "ncores"):
        raise InputError(f"executor is a {type(executor).__name__}; pass client.get_executor()")
    return client


def _import() -> Any:
    try:
        import distributed
    except ImportError as error:
        raise MissingDependencyError("distributed", "--scheduler", "dask") from error
    return distributed
