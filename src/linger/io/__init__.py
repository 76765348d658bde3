"""Files: the store of trained networks, priors, panels of bulk samples."""

from linger.io._attach import attach
from linger.io._beeline import Beeline, read_beeline
from linger.io._gmt import write_gmt
from linger.io._lingergrn import read_lingergrn_prior
from linger.io._networks import GroupNetworks, read_networks, write_networks
from linger.io._peaks_panel import read_peaks_panel
from linger.io._prior import Prior, read_prior
from linger.io._read_store import read_store
from linger.io._read_tgi import read_tgi
from linger.io._store import NetworkStore
from linger.io._write import write_h5mu

__all__ = [
    "Beeline",
    "GroupNetworks",
    "NetworkStore",
    "Prior",
    "attach",
    "read_beeline",
    "read_lingergrn_prior",
    "read_networks",
    "read_peaks_panel",
    "read_prior",
    "read_store",
    "read_tgi",
    "write_gmt",
    "write_h5mu",
    "write_networks",
]
