"""Drawing: pictures of plain shapes, letters and things, byte for byte the same on every machine."""
