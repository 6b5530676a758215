"""Settings: the typed tree, and how layers of presets, files and arguments resolve to it."""
