"""What a run will cost, and whether it fits, before it starts.

Counts are exact: they come from the agenda that a run follows. Times come from tasks of the plan that are performed on
a few of its real layers, in a folder that is thrown away.
"""

from toposcope.estimate.fits import check_fits, check_plan
from toposcope.estimate.forecast import Forecast, forecast
from toposcope.estimate.networks import NetworkForecast

__all__ = ["Forecast", "NetworkForecast", "check_fits", "check_plan", "forecast"]
