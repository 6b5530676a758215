"""Run folders: their files and formats, checkpoints, and the data set that a run was trained on."""
