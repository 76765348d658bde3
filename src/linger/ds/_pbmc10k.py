"""A public multiome of blood, downloaded once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from linger._logging import logger
from linger._mudata import new_mudata

if TYPE_CHECKING:
    from mudata import MuData

_URL: Final = (
    "https://cf.10xgenomics.com/samples/cell-arc/1.0.0/pbmc_granulocyte_sorted_10k/"
    "pbmc_granulocyte_sorted_10k_filtered_feature_bc_matrix.h5"
)
_CHECKSUM: Final = "md5:920b16bf1e63b6610bf74bf9040ed386"


def pbmc10k(*, path: str | Path | None = None) -> MuData:
    """Return 10x Genomics' multiome of about 12,000 peripheral blood mononuclear cells of a healthy donor, granulocytes removed.

    Raw counts of 36,601 genes and 108,377 peaks (hg38), as Cell Ranger ARC 1.0.0 filtered them. The file (162 MB) is downloaded by pooch on first use,
    its checksum is compared, and it is kept.

    Parameters
    ----------
    path
        Folder to keep the file in, or to find it in without a connection; None takes the user's cache folder.

    Returns
    -------
    MuData with modalities ``rna`` and ``atac``; names of genes that repeat are made unique.

    Raises
    ------
    ImportError
        If pooch is not installed.
    ConnectionError
        If the file is not there and cannot be downloaded.
    ValueError
        If the file that came is another one.

    Examples
    --------
    >>> import linger as lg
    >>> mdata = lg.ds.pbmc10k()  # doctest: +SKIP
    >>> mdata["atac"].n_vars  # doctest: +SKIP
    108377
    """
    import mudata
    from muon import read_10x_h5

    file = _fetch(path)
    with mudata.set_options(pull_on_update=False):
        parts = read_10x_h5(file).mod
    for part in parts.values():
        part.var_names_make_unique()
    return new_mudata(dict(parts))  # the first one would not follow the new names


def _fetch(path: str | Path | None) -> str:
    """Return the file, downloading it where it is not there yet."""
    try:
        import pooch
    except ImportError as error:
        msg = 'Downloads need pooch, which is not installed. Call pip install "linger-multiome[download]".'
        raise ImportError(msg) from error
    folder = pooch.os_cache("linger") if path is None else Path(path).expanduser()
    name = _URL.rsplit("/", 1)[-1]
    try:
        file: str = pooch.retrieve(_URL, known_hash=_CHECKSUM, fname=name, path=folder, progressbar=True)
    except OSError as error:  # all that requests raises, a refused proxy included
        msg = (
            f"{_URL} could not be downloaded ({error}). Without a connection, put the file into a folder and call "
            "lg.ds.pbmc10k(path=folder)."
        )
        raise ConnectionError(msg) from error
    logger.info("Read from %s.", file)
    return file
