"""The contracts of the families as functions, for the test suites of twoplayer and of packages that extend it.

Each takes a registered name, a class with its options, or an object, and raises `AssertionError` with one sentence
where the contract is broken.

>>> from twoplayer.testing import check_objective
>>> check_objective("least-squares", a=-1.0, b=1.0, c=0.0)
"""

from __future__ import annotations

from twoplayer.testing.data import check_data_source
from twoplayer.testing.extractors import check_extractor
from twoplayer.testing.methods import check_method
from twoplayer.testing.metrics import check_metric
from twoplayer.testing.networks import check_network
from twoplayer.testing.objectives import check_objective
from twoplayer.testing.regularizers import check_regularizer
from twoplayer.testing.text_encoders import check_text_encoder
from twoplayer.testing.two_sample import check_two_sample_test

__all__ = [
    "check_data_source",
    "check_extractor",
    "check_method",
    "check_metric",
    "check_network",
    "check_objective",
    "check_regularizer",
    "check_text_encoder",
    "check_two_sample_test",
]
