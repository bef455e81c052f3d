"""The background process: `python -m toposcope.monitor DIR`, its start and its end.

It reads its work from the run folder and writes its results there; the pipe between the two processes carries no data,
only that there is work (a line) and that the training process is gone (its end). So a script needs no
`if __name__ == "__main__":`, nothing is pickled, and either process may be killed at any moment.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from toposcope._errors import TaskError
from toposcope.monitor.folder import RunFolder

REST = 3.0
"""The tables are written again when so many times the time has passed that writing them took."""
STARTS = 3
"""A process that has died is started again so often in all."""


class Background:
    """The training process's hold on the other one. Nothing here waits for it, but `finish`."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._starts = 0

    def ring(self) -> str | None:
        """There is work. Starts the process where none runs. Returns a line about one that died, if any."""
        complaint = None
        if self._process is not None and self._process.poll() is not None:
            complaint = f"the background process ended ({self._process.returncode}); see {self._folder.log}"
            self.stop()
        if self._process is None:
            if self._starts == STARTS:
                return None
            self._starts += 1
            self._process = self._start([])
            if self._starts == STARTS and complaint:
                complaint += "; it is started for the last time, and close() computes what is left"
        with contextlib.suppress(OSError):  # it has just died: the next ring will find out
            assert self._process.stdin is not None
            self._process.stdin.write(b"\n")
            self._process.stdin.flush()
        return complaint

    def stop(self) -> None:
        """End the process, whatever it does: all that it has finished is in the folder."""
        if self._process is None:
            return
        with contextlib.suppress(OSError):
            assert self._process.stdin is not None
            self._process.stdin.close()
        self._process.kill()
        self._process.wait()
        self._process = None

    def finish(self) -> None:
        """Compute what is left in a process of ordinary priority, and wait for it. Raises TaskError if it fails."""
        self.stop()
        process = self._start(["--finish"])
        try:
            code = process.wait()
        finally:
            with contextlib.suppress(OSError):
                assert process.stdin is not None
                process.stdin.close()
            process.kill()
            process.wait()
        if code:
            raise TaskError(
                f"the checks in {self._folder.path} could not be computed ({code}): {_last_line(self._folder.log)}"
            )

    def _start(self, options: list[str]) -> subprocess.Popen[bytes]:
        self._folder.path.mkdir(parents=True, exist_ok=True)
        root = str(Path(__file__).resolve().parents[2])
        paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(paths),
            # One numerical thread, and no accelerator: these are the training's.
            **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
            "CUDA_VISIBLE_DEVICES": "",
        }
        # -P: a file in the working folder that is called like a module of Python's is not taken for it.
        command = [sys.executable, "-P", "-m", "toposcope.monitor", str(self._folder.path.resolve()), *options]
        with open(self._folder.log, "ab") as log:
            return subprocess.Popen(
                [*command, "--parent", str(os.getpid())],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=environment,
                # An interrupt at the keyboard is the training process's to answer.
                start_new_session=True,
            )


class Later:
    """In the place of a background process: nothing is computed before the end, and then in this process."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder

    def ring(self) -> None:
        """Nobody listens."""

    def stop(self) -> None:
        """Nobody is there."""

    def finish(self) -> None:
        """Compute everything now."""
        finish(self._folder.path)


def _last_line(path: Path) -> str:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except OSError as error:
        return str(error)
    return f"{lines[-1].strip()} ({path})" if lines else f"see {path}"


# --- in the background process ----------------------------------------------------------------------------------------


def serve(folder: Path, parent: int) -> None:
    """Compute checks as they come, until the training process is gone."""
    from toposcope.monitor.analysis import Analysis

    if hasattr(os, "setpriority"):
        os.setpriority(os.PRIO_PROCESS, 0, 19)
    bell = threading.Event()
    threading.Thread(target=_listen, args=(bell,), daemon=True).start()
    threading.Thread(target=_leave_with, args=(parent,), daemon=True).start()
    analysis = Analysis(RunFolder(folder))
    written_at, took, unwritten = 0.0, 0.0, False
    while True:
        bell.wait(timeout=0.5 if unwritten else None)
        bell.clear()
        for step in analysis.pending():
            analysis.look(step)
            unwritten = True
        if unwritten and time.monotonic() - written_at >= REST * took:
            began = time.monotonic()
            analysis.publish()
            written_at = time.monotonic()
            took, unwritten = written_at - began, False


def finish(folder: Path, parent: int | None = None) -> None:
    """Compute what is left of a monitor's checks and write the final tables. Raises FileError for no such folder."""
    from toposcope.monitor.analysis import Analysis

    if parent is not None:
        threading.Thread(target=_listen, args=(threading.Event(),), daemon=True).start()
        threading.Thread(target=_leave_with, args=(parent,), daemon=True).start()
    analysis = Analysis(RunFolder(folder))
    for step in analysis.pending():
        analysis.look(step)
    analysis.publish(final=True)


def _listen(bell: threading.Event) -> None:
    """A line is work; the end of the pipe is the end of the training process."""
    # Not through sys.stdin, whose lock a thread may hold when the process ends.
    while os.read(0, 1):
        bell.set()
    os._exit(0)


def _leave_with(parent: int) -> None:
    """For where another child of the parent still holds the pipe open."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(0)
