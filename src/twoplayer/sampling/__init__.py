"""From inputs to samples, and samples as pictures and files."""
