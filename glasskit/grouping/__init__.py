"""Build your own grouped data set from captions."""

from glasskit.grouping.endpoint import Endpoint
from glasskit.grouping.pipeline import Built, build_dataset
from glasskit.grouping.settings import BuildSettings

__all__ = ["BuildSettings", "Built", "Endpoint", "build_dataset"]
