"""The trained winner as a file that needs no ray_nas, and its cells in larger networks."""

from ray_nas.export.cell_transfer import Transfer, transfer
from ray_nas.export.export_error import ExportError
from ray_nas.export.network_export import Exported, export

__all__ = ["ExportError", "Exported", "Transfer", "export", "transfer"]
