"""Build your own grouped data set from captions: `glasskit build`.

- `pipeline`: `build_dataset`, all steps in order; `settings`: what to build from and how
- `sources`: captions that are read; `clusters`: captions to named groups
- `records`: groups to records, checked for captions that name their concept, and split
- `themes`, `endpoint`: theme captions by a language model; `wordnet`: higher levels
- `quality`, `report`: how good the groups are, and the report of it

Nothing is imported here: ``glasskit build --help`` needs the settings and no torch.
"""
