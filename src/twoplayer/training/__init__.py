"""From a config to a run folder: build, trainer, checkpoints, averaging."""
