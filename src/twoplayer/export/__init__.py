"""A run's generator as one file that anybody opens without this library."""

from twoplayer.export._export import FORMATS, ExportedFile, export

__all__ = ["FORMATS", "ExportedFile", "export"]
