"""The only I/O: a request goes out, the bytes of its response come in."""
