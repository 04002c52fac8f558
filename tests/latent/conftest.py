"""Compiled code is kept between test runs, for tests that move the cache elsewhere."""

from __future__ import annotations

import os

from glasskit.latent.fitting import compiled_folder

os.environ.setdefault("NUMBA_CACHE_DIR", str(compiled_folder()))
