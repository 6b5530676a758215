"""A run's generator as one file that anybody opens without this library."""

from twoplayer.export._export import FORMATS, Exported, export

__all__ = ["FORMATS", "Exported", "export"]
