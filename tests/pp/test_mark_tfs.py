"""Which genes are marked as transcription factors."""

from __future__ import annotations

import anndata as ad
import mudata as md
import numpy as np
import pandas as pd
import pytest

import linger as lg


def make(genes):
    return md.MuData({"rna": ad.AnnData(np.ones((2, len(genes))), var=pd.DataFrame(index=list(genes)))})


def marked(mdata, **options):
    lg.pp.mark_tfs(mdata, **options)
    column = mdata["rna"].var["is_tf"]
    assert column.dtype == bool
    return mdata["rna"].var_names[column].tolist()


def test_built_in_lists():
    genes = ["GATA1", "FOS", "NKX2-1", "TP53", "ZNF143", "TBP", "ACTB", "GAPDH", "CD4", "EWSR1"]
    assert marked(make(genes)) == genes[:6]
    mouse = ["Gata1", "Fos", "Nkx2-1", "Trp53", "Zfp143", "Nr1h4", "Actb", "Cd4"]
    assert marked(make(mouse), tfs="mouse") == mouse[:6]


@pytest.mark.real
@pytest.mark.parametrize(
    ("path", "species", "share"),
    [("snare_h1/snare_h1", "human", 0.02), ("snare_mouse_cortex/snare_mouse_cortex", "mouse", 0.02)],
)
def test_real_genes(real_data, path, species, share):
    mdata = md.read_h5mu(real_data / f"{path}.h5mu")
    n = len(marked(mdata, tfs=species))
    assert share * mdata["rna"].n_vars < n < 0.1 * mdata["rna"].n_vars


def test_own_list_logs_what_is_missing(caplog):
    with caplog.at_level("INFO", logger="linger"):
        assert marked(make(["b", "a", "c"]), tfs=["a", "c", "zz", "a"]) == ["a", "c"]
    assert "'zz'" in caplog.text
    with pytest.raises(ValueError, match=r"None of the 2 genes .*among the 1 transcription factors .*gene_symbols="):
        lg.pp.mark_tfs(make(["a", "b"]), tfs=["zz"])
    with pytest.raises(ValueError, match="'human', 'mouse', 'motifs' or a list"):
        lg.pp.mark_tfs(make(["a", "b"]), tfs="rat")


def test_gene_symbols_and_copy():
    mdata = make(["ENSG1", "ENSG2"])
    with pytest.raises(ValueError, match="None of the 2 genes"):
        lg.pp.mark_tfs(mdata)
    with pytest.raises(KeyError, match="symbol"):
        lg.pp.mark_tfs(mdata, gene_symbols="symbol")
    mdata["rna"].var["symbol"] = ["ACTB", "GATA1"]
    changed = lg.pp.mark_tfs(mdata, tfs=np.array(["GATA1"]), gene_symbols="symbol", copy=True)
    assert changed["rna"].var["is_tf"].tolist() == [False, True]
    assert "is_tf" not in mdata["rna"].var


def test_from_motifs():
    mdata = make(["ENSG1", "ENSG2"])
    with pytest.raises(KeyError, match="scan_motifs"):
        lg.pp.mark_tfs(mdata, tfs="motifs")
    mdata.uns["linger"] = {"motif_tf": pd.DataFrame({"motif": ["m", "n"], "tf": ["ENSG2", "ENSG2"]})}
    mdata["rna"].var["symbol"] = ["ACTB", "GATA1"]
    assert marked(mdata, tfs="motifs", gene_symbols="symbol") == ["ENSG2"]  # the table names genes, not symbols
