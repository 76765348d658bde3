"""linger: gene regulatory networks from paired single-cell RNA + ATAC data.

The namespaces follow scverse: ``pp`` prepares a MuData, ``tl`` computes, ``get`` reads what was computed, ``pl`` draws,
``io`` stores, ``ds`` gives data with known truth, ``bm`` measures, ``nn`` is the numerical core (torch and numba).
Namespaces load on first use, so that ``import linger`` stays light.
"""

from __future__ import annotations

import importlib
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from linger import bm, ds, get, io, nn, pl, pp, tl
    from linger._config import FitConfig
    from linger._tgi_config import TgiConfig

try:
    __version__ = version("linger-multiome")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"

__all__ = ["FitConfig", "TgiConfig", "__version__", "bm", "ds", "get", "io", "nn", "pl", "pp", "tl"]


def __getattr__(name: str) -> ModuleType | type:
    if name == "FitConfig":
        return importlib.import_module("linger._config").FitConfig
    if name == "TgiConfig":
        return importlib.import_module("linger._tgi_config").TgiConfig
    if name in __all__:
        return importlib.import_module(f"linger.{name}")
    msg = f"module 'linger' has no attribute {name!r}"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    return __all__
