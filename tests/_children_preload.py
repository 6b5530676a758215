"""What the server of `_children` imports before it forks."""

import PIL.PngImagePlugin  # noqa: F401
import torch
import torch._dynamo  # the first optimizer would, a second each time

import twoplayer.algorithms.alternating
import twoplayer.api.train
import twoplayer.cli._console
import twoplayer.cli.main
import twoplayer.cli.train
import twoplayer.measurement
import twoplayer.reporting._page
import twoplayer.training.trainer  # noqa: F401

torch.set_num_threads(1)  # a fork keeps no other thread
