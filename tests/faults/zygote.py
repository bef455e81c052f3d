"""Runs the command line again and again, each time in a fork of a process that has imported everything.

Reads one JSON list of arguments per line; answers with the process id of the fork, then, when it has ended, with its
exit code (negative: the signal that ended it). A run takes a tenth of the time that an interpreter of its own would.
"""

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
    from toposcope.cli import main as command

    sklearn.datasets.load_digits()
    print("ready", flush=True)
    for line in sys.stdin:
        arguments = json.loads(line)
        child = os.fork()
        if not child:
            code = 99
            try:
                nowhere = os.open(os.devnull, os.O_RDWR)
                os.dup2(nowhere, 0)
                os.dup2(nowhere, 1)
                code = command(arguments)
            finally:
                os._exit(code)
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
