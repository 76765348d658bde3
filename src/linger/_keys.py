"""Every slot name in one place.

Matrices live in ``mdata.varp`` over the joint axis (genes and peaks), columns in ``var`` of the modality, plain values in
``mdata.uns[key_added]``. Several fits coexist under different ``key_added``.
"""

from __future__ import annotations

from typing import Final, Literal

Kind = Literal["trans", "cis", "binding"]

DEFAULT_KEY: Final = "linger"
KINDS: Final[tuple[Kind, ...]] = ("trans", "cis", "binding")

# var columns
CHROM: Final = "chrom"
START: Final = "start"
END: Final = "end"
TSS: Final = "tss"
STRAND: Final = "strand"
IS_TF: Final = "is_tf"

# names of what is kept below a key, as f"{key_added}_{name}"
DISTANCE: Final = "distance"  # varp, RE x TG
MOTIF: Final = "motif"  # varp, TF x RE
MOTIF_HITS: Final = "motif_hits"  # atac.varm, peaks x motifs
BINDING: Final = "binding"  # varp, TF x RE
CIS: Final = "cis"  # varp, RE x TG
TRANS: Final = "trans"  # varp, TF x TG
TRANS_PATH: Final = "trans_path"  # varp, TF x TG: binding times cis summed over peaks
ALPHA_SCALE: Final = "alpha_scale"  # rna.var
CIS_SIGN: Final = "cis_sign"
TRANS_SIGN: Final = "trans_sign"
R2: Final = "r2"  # rna.var
CORRELATION: Final = "correlation"  # rna.var
FITTED: Final = "fitted"  # rna.var
PRIOR: Final = "prior"  # rna.var: whether the gene started from a prior
GENOME: Final = "genome"  # uns

# what a fit writes
FIT_SLOTS: Final = (TRANS, TRANS_SIGN, TRANS_PATH, CIS, CIS_SIGN, BINDING)
FIT_COLUMNS: Final = (FITTED, PRIOR, ALPHA_SCALE, R2, CORRELATION)

COUNTS_LAYER: Final = "counts"

BUILDS: Final = {"GRCh38": "hg38", "GRCh37": "hg19", "GRCm38": "mm10"}  # other names of genome builds

D0: Final = 25_000.0  # decay of regulation with distance in base pairs (Yuan & Duren 2024, Methods)


def slot(key_added: str, name: str) -> str:
    """Return the slot called `name` of the fit called `key_added`.

    Examples
    --------
    >>> slot("linger", "trans")
    'linger_trans'
    """
    return f"{key_added}_{name}"
