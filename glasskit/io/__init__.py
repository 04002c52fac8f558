"""Files: where they go, how they are written whole, and what people hand in, read or refused."""
