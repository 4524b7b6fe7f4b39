"""Takes a search elsewhere: trained networks without ray_nas, cells in others, Optuna studies."""

from ray_nas.export.cell_transfer import Transfer, transfer
from ray_nas.export.export_error import ExportError
from ray_nas.export.network_export import Exported, export
from ray_nas.export.optuna_study import to_optuna

__all__ = ["ExportError", "Exported", "Transfer", "export", "to_optuna", "transfer"]
