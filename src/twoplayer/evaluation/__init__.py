"""How good are samples: metrics of a run's samples or of any others, beside real data."""
