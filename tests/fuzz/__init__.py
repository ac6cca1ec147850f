"""Whatever the bytes of a file: a valid result, or one line that names it."""
