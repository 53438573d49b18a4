"""Fans submissions out over workers of Dask distributed, a bounded number at a time, and survives their deaths."""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import pkgutil
import platform
import queue
import sys
import time
import uuid
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import dask
import distributed.utils
import psutil
from distributed import Client, Future, LocalCluster, WorkerPlugin
from distributed.scheduler import KilledWorker
from traitlets.config import Config

import moi
from moi.grading.assignment import Assignment
from moi.grading.graded import Graded, graded
from moi.grading.stage import stage
from moi.grading.temporary import temporary_folder
from moi.grading.workers import prepare

IN_FLIGHT = 4  # submissions for each worker, so that a thousand of them do not sit in memory
LIVES = 3  # workers that a submission may kill
_WITHOUT_WORKERS = 120  # seconds to wait for one to come back
_CONNECT = 60  # seconds; a busy machine takes long to start its workers
_NO_LIMIT = 86_400.0  # seconds
_LOOK = 0.05  # seconds


class CannotFanOut(Exception):
    """The workers cannot be had, or cannot grade; ``str(error)`` says why."""


@dataclass(frozen=True)
class Terms:
    """What a worker is told once: the assignment with its hidden tests, and how to grade."""

    assignment: Assignment
    config: Config
    bench: str  # import path of what is called as bench(notebook, files=…, timeout=…, isolate=…, nursery=…)
    files: dict[str, bytes]  # the author's that stand beside the notebook, whatever was handed in
    timeout: float | None = None
    unsafe: bool = False
    nursery: str | None = None  # the address of what benches of this machine get their parents from
    marks: dict[str, Any] = field(default_factory=dict)  # for the metadata of the graded notebooks
    name: str = ""  # the same in every run of an assignment: the next run takes away what a killed one has left
    token: str = field(default_factory=lambda: uuid.uuid4().hex)


@dataclass(frozen=True)
class Job:
    """One submission: the notebooks to grade, as handed in, and the files beside them."""

    student: str
    notebooks: dict[str, bytes]
    files: dict[str, bytes]


@dataclass(frozen=True)
class Failure:
    """A submission that could not be graded, and why."""

    reason: str


Answer = dict[str, Graded] | Failure


class Pool:
    """Workers that grade by ``terms``: a local cluster of ``count``, or those of the scheduler at an address."""

    def __init__(self, terms: Terms, count: int, scheduler: str | None = None) -> None:
        self.terms = terms
        self.unearned: list[str] = []  # test cells in which the author's own solution does not earn its points
        self._closing = contextlib.ExitStack()
        try:
            self._open(count, scheduler)
        except BaseException:
            self._closing.close()
            raise

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, kind: type | None, failure: BaseException | None, trace: TracebackType | None) -> None:
        self._closing.close()

    def run(self, jobs: Iterable[Job]) -> Iterator[tuple[Job, Answer]]:
        """Grade all ``jobs``, in any order. What fails among others is tried again alone, before it is given up.

        Whoever shares a worker with a submission that kills it would be blamed too; alone, the blame is certain.
        """
        waiting, suspects = iter(jobs), deque[Job]()
        flying: dict[str, tuple[Job, Future]] = {}
        done: queue.SimpleQueue[tuple[str, Answer]] = queue.SimpleQueue()
        try:
            while True:
                while len(flying) < self.in_flight and (job := next(waiting, None)) is not None:
                    self._launch(job, flying, done)
                if not flying:
                    break
                job, answer = self._landed(flying, done)
                if isinstance(answer, Failure):
                    suspects.append(job)
                else:
                    yield job, answer
            for job in suspects:
                answer = Failure("")
                for _ in range(LIVES - 1):
                    self._launch(job, flying, done)
                    _, answer = self._landed(flying, done)
                    if not isinstance(answer, Failure):
                        break
                yield job, answer
        finally:
            for _, future in flying.values():
                with contextlib.suppress(Exception):
                    future.cancel()

    def _open(self, count: int, scheduler: str | None) -> None:
        # A local worker's first death is told at once: it is we who try again.
        settings = {
            "distributed.scheduler.allowed-failures": 0,
            "distributed.worker.multiprocessing-method": "forkserver",
            "distributed.admin.large-graph-warning-threshold": "1 GB",
            # Nobody looks at what it would find out about the time that it takes.
            "distributed.worker.profile.enabled": False,
            "distributed.admin.tick.interval": "1s",
            "distributed.admin.system-monitor.interval": "10s",
        }
        self._closing.enter_context(dask.config.set(settings))
        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        try:
            if scheduler is None:
                distributed.utils._forkserver_preload_set = True  # else it imports all that it might preload, here
                prepare()
                folder = self._closing.enter_context(temporary_folder())
                cluster = LocalCluster(
                    n_workers=count,
                    threads_per_worker=1,
                    processes=True,
                    host="127.0.0.1",
                    # Others on this machine reach a loopback port too; without a certificate they could give orders.
                    security=True,
                    # None would open a port on every interface: these serve nothing, to this machine only.
                    dashboard_address="127.0.0.1:0",
                    worker_dashboard_address="127.0.0.1:0",
                    scheduler_kwargs={"dashboard": False},
                    memory_limit=None,
                    local_directory=folder,
                    silence_logs=logging.CRITICAL,
                )
                self._closing.callback(_close, cluster)
                self.client = Client(cluster, set_as_default=False, direct_to_workers=True)
            else:
                self.client = Client(scheduler, timeout=_CONNECT, set_as_default=False)
        except (OSError, TimeoutError, ValueError, ImportError, RuntimeError) as failure:
            where = "the workers of this machine" if scheduler is None else f"the scheduler at {scheduler}"
            raise CannotFanOut(f"{where} cannot be reached: {str(failure) or type(failure).__name__}") from failure
        self._closing.callback(self.client.close)
        try:
            self.client.wait_for_workers(count if scheduler is None else 1, timeout=_CONNECT)
        except TimeoutError:
            raise CannotFanOut(f"no worker has come to the scheduler within {_CONNECT} seconds") from None
        plugin = _Equipment(self.terms, _idlest_processors() if scheduler is None else [])
        self._closing.callback(self._forget, plugin.name)
        try:
            self.client.register_plugin(plugin)
        except Exception as failure:
            raise CannotFanOut(f"the workers cannot be told what to grade: {failure}") from failure
        workers = list(self.client.nthreads())
        self.in_flight = IN_FLIGHT * len(workers)
        tried = [
            (address, self.client.submit(_ready, self.terms.token, workers=[address], pure=False))
            for address in workers
        ]
        for address, future in tried:
            try:
                theirs, self.unearned = future.result()
            except KilledWorker:
                continue  # a new one is ready when it is needed
            except Exception as failure:
                raise CannotFanOut(str(failure) or type(failure).__name__) from failure
            if theirs != versions():
                raise CannotFanOut(f"the worker at {address} has {_told(theirs)}; here is {_told(versions())}")

    def _forget(self, name: str) -> None:
        with contextlib.suppress(Exception):
            self.client.unregister_worker_plugin(name)

    def _launch(self, job: Job, flying: dict[str, Any], done: queue.SimpleQueue[Any]) -> None:
        # Names of students stay out of the keys, which Dask shows and logs.
        future = self.client.submit(_grade, self.terms.token, job, pure=False, key=f"moi-grade-{uuid.uuid4().hex}")
        key = str(future.key)
        flying[key] = (job, future)
        future.add_done_callback(lambda landed: done.put((key, _answer(landed))))

    def _landed(self, flying: dict[str, Any], done: queue.SimpleQueue[Any]) -> tuple[Job, Answer]:
        alone_since: float | None = None
        while True:
            try:
                key, answer = done.get(timeout=2)
            except queue.Empty:
                if self.client.status not in ("running", "connecting"):
                    raise CannotFanOut("the connection to the scheduler is lost") from None
                if self.client.nthreads():
                    alone_since = None
                elif time.monotonic() - (alone_since := alone_since or time.monotonic()) > _WITHOUT_WORKERS:
                    raise CannotFanOut(f"there has been no worker for {_WITHOUT_WORKERS} seconds") from None
                continue
            if key in flying:
                job, future = flying.pop(key)
                future.release()
                return job, answer


def _close(cluster: LocalCluster) -> None:
    """End a local cluster; Dask fails in this where a worker is just being started anew, which then ends by itself."""
    with contextlib.suppress(Exception):
        cluster.close()


def _idlest_processors() -> list[int]:
    """The processors that this process may use, idle ones first: somebody else may be grading here too."""
    if sys.platform != "linux":
        return []
    busy = dict(enumerate(psutil.cpu_percent(_LOOK, percpu=True)))
    return sorted(os.sched_getaffinity(0), key=lambda processor: busy.get(processor, 0))


def versions() -> dict[str, str]:
    """What the same inputs need to give the same grades."""
    import nbgrader

    return {"moi": moi.__version__, "nbgrader": nbgrader.__version__, "python": platform.python_version()}


def _answer(future: Future) -> Answer:
    """Runs in a thread of Dask's: fetches the result while the main thread writes another."""
    try:
        result: dict[str, Graded] = future.result()
        return result
    except KilledWorker:
        return Failure(f"it ended the worker process that graded it {LIVES} times")
    except BaseException as failure:
        return Failure(f"{type(failure).__name__}: {' '.join(str(failure).split())[:300]}")


def _told(theirs: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in theirs.items())


# In the worker processes

_terms: dict[str, Terms] = {}
_benches: dict[tuple[str, str], Any] = {}  # by token and notebook


class _Equipment(WorkerPlugin):
    """Brings the terms to every worker, those that start later too, and takes them away at the end."""

    def __init__(self, terms: Terms, processors: Sequence[int]) -> None:
        self.terms = terms
        self.name = f"moi-grade-{terms.name or terms.token}"
        self.processors = processors  # for workers that have numbers for names

    def setup(self, worker: Any) -> None:
        _terms[self.terms.token] = self.terms
        if self.processors:
            _keep_to(self.processors[int(worker.name) % len(self.processors)])

    def teardown(self, worker: Any) -> None:
        _terms.pop(self.terms.token, None)
        _close_benches(self.terms.token)


def _keep_to(processor: int) -> None:
    """Have this process, and what its benches start, run on one processor: judge and learner take turns anyway.

    Where the two lie on different ones, or move, each message has to wake a processor that sleeps and finds nothing of
    what it needs in its cache.
    """
    for thread in os.listdir("/proc/self/task"):
        with contextlib.suppress(OSError):  # it may have ended
            os.sched_setaffinity(int(thread), {processor})


def _ready(token: str) -> tuple[dict[str, str], list[str]]:
    """Make the benches, or say why there can be none. Returns what is here, and what the reference does not earn."""
    unearned = []
    for notebook in _terms[token].assignment.notebooks:
        seen = getattr(_bench(token, notebook.name), "seen", None) or {}
        unearned += [notebook.cells[cell].name for cell, (uses, _) in seen.items() if uses is None]
    return versions(), unearned


def _grade(token: str, job: Job) -> dict[str, Graded]:
    terms = _terms[token]
    made = {}
    for notebook in terms.assignment.notebooks:
        if notebook.name not in job.notebooks:
            continue
        started = time.perf_counter()
        staged = stage(notebook, job.notebooks[notebook.name])
        run_at = time.perf_counter()
        try:
            run = _bench(token, notebook.name).run(staged, job.files)
            if failed := getattr(run, "failed", ""):
                raise RuntimeError(failed)
        except BaseException:
            _close_benches(token)  # the next one gets new ones
            raise
        ran_at = time.perf_counter()
        page = graded(notebook, staged, run, terms.config, terms.marks)
        page.seconds.update(stage=run_at - started, run=ran_at - run_at, page=time.perf_counter() - ran_at)
        made[notebook.name] = page
    return made


def _bench(token: str, name: str) -> Any:
    terms = _terms[token]
    if (key := (token, name)) not in _benches:
        notebook = next(notebook for notebook in terms.assignment.notebooks if notebook.name == name)
        make = pkgutil.resolve_name(terms.bench)
        seconds = terms.timeout or _NO_LIMIT
        _benches[key] = make(
            notebook, files=terms.files, timeout=seconds, isolate=not terms.unsafe, nursery=terms.nursery
        )
    return _benches[key]


@atexit.register
def _close_benches(token: str | None = None) -> None:
    for key in [key for key in _benches if token in (None, key[0])]:
        with contextlib.suppress(Exception):
            _benches.pop(key).close()
