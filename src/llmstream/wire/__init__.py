"""The wires: everything between a Request and bytes, and between bytes and events, without I/O."""
