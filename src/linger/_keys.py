"""Every slot name in one place.

Matrices live in ``mdata.varp`` over the joint axis (genes and peaks), columns in ``var`` of the modality, plain values in
``mdata.uns[key_added]``. Several fits coexist under different ``key_added``.
"""

from __future__ import annotations

from typing import Final, Literal

Kind = Literal["trans", "cis", "binding"]
DriverMethod = Literal["activity", "expression", "transcriptomic", "epigenetic"]

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
ALPHA_SCALE: Final = "alpha_scale"  # rna.var
CIS_SIGN: Final = "cis_sign"
TRANS_SIGN: Final = "trans_sign"
R2: Final = "r2"  # rna.var
CORRELATION: Final = "correlation"  # rna.var
FITTED: Final = "fitted"  # rna.var
PRIOR: Final = "prior"  # rna.var: whether the gene started from a prior
GENOME: Final = "genome"  # uns
GC: Final = "gc"  # atac.var: share of G and C in the peak's sequence
GROUPS: Final = "groups"  # uns: groupby, names and n_cells of the groups below
GROUP_MEAN: Final = "group_mean"  # rna.varm and atac.varm, features x groups
COACTIVITY: Final = "coactivity"  # varp, TF x RE: correlation of both over metacells, at motif hits
SPECIFIC_PEAKS: Final = "specific_peaks"  # atac.varm, peaks x groups
TF_IMPORTANCE: Final = "tf_importance"  # rna.varm, genes x groups; uns: settings
DOMINANCE: Final = "dominance"  # rna.var
MODULE: Final = "module"  # rna.var
TF_MODULE: Final = "tf_module"  # rna.var
MODULE_LOADINGS: Final = "module_loadings"  # rna.varm, genes x modules
EDGES: Final = "edges"  # rna.obsm, cells x edges

PERTURBATION: Final = "perturbation"  # rna.obsm, cells x genes; rna.varm, genes x groups; uns: doses, genes, groups
PREDICTED: Final = "predicted"  # rna.obsm, cells x genes: before the perturbation
SCREEN: Final = "screen"  # rna.varm, genes x TFs x groups; uns: TFs, dose, groups
SHIFT: Final = "shift"  # rna.obsm, cells x dimensions; uns

# what a fit writes
FIT_SLOTS: Final = (TRANS, TRANS_SIGN, CIS, CIS_SIGN, BINDING)
DOMINANCE_COLUMNS: Final = (
    DOMINANCE,
    f"{DOMINANCE}_t",
    f"{DOMINANCE}_p",
    f"{DOMINANCE}_p_adj",
)  # rna.var, made from a fit
FIT_COLUMNS: Final = (FITTED, PRIOR, ALPHA_SCALE, R2, CORRELATION, *DOMINANCE_COLUMNS, MODULE, TF_MODULE)
# what is made from a fit, and goes with it
FIT_RECORDS: Final = (
    "fit",
    "store",
    "prior",
    "modules",
    "traits",
    "drivers_transcriptomic",
    "drivers_epigenetic",
    PERTURBATION,
    SCREEN,
    SHIFT,
)  # uns

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


def drivers_slot(method: DriverMethod) -> str:
    """Return the name in uns of the drivers found by a method.

    Examples
    --------
    >>> drivers_slot("epigenetic")
    'drivers_epigenetic'
    """
    return "drivers" if method == "activity" else f"drivers_{method}"
