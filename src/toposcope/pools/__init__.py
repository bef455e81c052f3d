"""Where tasks are performed: in this process, in processes of this machine, on an executor that was lent, on Dask.

A pool takes independent tasks and gives one `Outcome` for each, in any order. Which tasks, whether they are done
already, and what a failure means is the driver's business, in `run.py`.
"""

from toposcope.pools.here import Here
from toposcope.pools.lent import Lent
from toposcope.pools.processes import Processes
from toposcope.pools.work import Fault, Limits, Outcome, Pool, Work

__all__ = ["Fault", "Here", "Lent", "Limits", "Outcome", "Pool", "Processes", "Work"]
