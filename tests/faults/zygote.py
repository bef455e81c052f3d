"""Runs programs again and again, each time in a fork of a process that has imported everything.

Reads one JSON value per line. A list is a command line, without the name of Python: `toposcope`, `scheduler` (of Dask)
or `worker` (of Dask), the file for what it says on stderr, and arguments; the answer is the process id of the fork. A
number is such an id; the answer is the exit code (negative: the signal that ended it) once it has ended. A run takes a
tenth of the time that an interpreter of its own would.
"""

import atexit
import contextlib
import json
import os
import sys


def main() -> None:
    import sklearn.datasets
    import torch  # noqa: F401 (so that the forks need not)

    import toposcope.demo
    import toposcope.report
    import toposcope.run
    import toposcope.study.stages  # noqa: F401
    from toposcope.cli import main as toposcope_main

    programs = {"toposcope": toposcope_main}
    with contextlib.suppress(ImportError):
        from distributed.cli import dask_scheduler, dask_worker

        programs["scheduler"] = lambda given: dask_scheduler.main(given, standalone_mode=False) or 0
        programs["worker"] = lambda given: dask_worker.main(given, standalone_mode=False) or 0
    sklearn.datasets.load_digits()
    print("ready", flush=True)
    for line in sys.stdin:
        told = json.loads(line)
        if isinstance(told, int):
            print(os.waitstatus_to_exitcode(os.waitpid(told, 0)[1]), flush=True)
            continue
        name, errors, *arguments = told
        child = os.fork()
        if not child:
            code = 99
            try:
                nowhere = os.open(os.devnull, os.O_RDWR)
                os.dup2(nowhere, 0)
                os.dup2(nowhere, 1)
                os.dup2(os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), 2)
                code = programs[name](arguments)
            finally:
                atexit._run_exitfuncs()
                sys.stderr.flush()
                os._exit(code)
        print(child, flush=True)


if __name__ == "__main__":
    main()
