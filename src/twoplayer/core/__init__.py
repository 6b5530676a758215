"""What everything else stands on: errors, the registry of families, random numbers, files, devices, processes."""
