"""Plotly figures of notebooks and report, in one style."""
