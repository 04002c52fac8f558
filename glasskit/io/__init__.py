"""Files: where they go, how they are written whole, and what people hand in, read or refused.

- `places`: the cache folder; places tried before work; files written whole or not at all
- `pictures`: a picture file decoded, or refused with a reason (decompression bombs too)
- `colours`: a picture of any colours as RGB; `text_files`: text and tables; `json_files`: JSON
- `web`: one patient HTTP request; `terminal`: lines, tables and a bar
"""
