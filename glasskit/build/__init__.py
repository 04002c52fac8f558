"""Build your own grouped data set from captions."""

from glasskit.build.endpoint import Endpoint
from glasskit.build.pipeline import Built, build_dataset
from glasskit.build.settings import BuildSettings

__all__ = ["BuildSettings", "Built", "Endpoint", "build_dataset"]
