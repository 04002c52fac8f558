"""Build your own grouped data set from captions: `build_dataset` in ``pipeline``.

Nothing is imported here: ``glasskit build --help`` needs the settings and no torch.
"""
