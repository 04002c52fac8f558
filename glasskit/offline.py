"""No statistics and no news: the switches of the libraries that would send or ask for them.

They are set when glasskit is imported, before the libraries read them. A variable that is set
already stays as it is. OpenVINO has no such switch (see `glasskit.models.fast_tower`); JupyterLab's
are files, in ``.jupyter``.
"""

from __future__ import annotations

import os

SWITCHES = {
    # Gradio and its client: usage, errors, the newest version
    "GRADIO_ANALYTICS_ENABLED": "False",
    # the Hugging Face hub's client, for itself, transformers, timm and Gradio
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_UPDATE_CHECK": "1",
    # datasets: a request for each data set that is loaded
    "HF_UPDATE_DOWNLOAD_COUNTS": "0",
    # transformers: asks a web service to convert weights that were downloaded as a pickle
    "DISABLE_SAFETENSORS_CONVERSION": "1",
    # what reads donottrack.sh's word
    "DO_NOT_TRACK": "1",
}


def set_switches() -> None:
    """Set each switch that the environment does not have."""
    for name, value in SWITCHES.items():
        os.environ.setdefault(name, value)
