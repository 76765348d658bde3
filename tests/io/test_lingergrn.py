"""The folder that the authors published, in their format, written here."""

from __future__ import annotations

import os

import numpy as np
import pandas as pd
import pytest
import torch

import linger as lg

N_TFS, N_PEAKS = 12, 40
TFS = [f"TF{k}" for k in range(N_TFS)]
GENES = {"chr1": ["TF3", "GENE1", "GENE2"], "chrX": ["GENE3", "GENE1", "TF0"]}
H1, H2 = 64, 16


class Folder:
    """A data_bulk folder with random networks, and what is in it."""

    def __init__(self, path, base=0, seed=0):
        rng = np.random.default_rng(seed)
        self.path, self.networks, self.fishers, self.inputs = path, {}, {}, {}
        path.mkdir()
        starts = 1_000_000 + 10_000 * np.arange(N_PEAKS)
        self.hg19 = [f"chr{'1' if j < 20 else 'X'}:{s}-{s + 400}" for j, s in enumerate(starts)]
        self.hg38 = [(name.split(":")[0], s + 500, s + 900) for name, s in zip(self.hg19, starts, strict=True)]
        write_lines(path / "TFName.txt", TFS)
        write_lines(path / "all_hg19.txt", self.hg19)
        pairs = [(*new, *old.replace("-", ":").split(":")) for new, old in zip(self.hg38, self.hg19, strict=True)]
        pd.DataFrame(pairs[:-1]).to_csv(path / "hg38_hg19_pair.bed", sep="\t", header=False, index=False)
        for number, (chrom, genes) in enumerate(GENES.items()):
            lines, peak_lines, models, fishers = [], [], {}, {}
            for index, gene in enumerate(genes):
                tfs = [k for k in rng.permutation(N_TFS) if TFS[k] != gene]
                peaks = (
                    rng.permutation(np.arange(20 * number, 20 * number + 20))[: rng.integers(0, 8)]
                    if index
                    else np.arange(0)
                )
                n = len(tfs) + len(peaks)
                net = torch.nn.ModuleDict(
                    {"fc1": torch.nn.Linear(n, H1), "fc2": torch.nn.Linear(H1, H2), "fc3": torch.nn.Linear(H2, 1)}
                )
                models[index] = net.state_dict()
                fishers[index] = [torch.rand(H1, n) * 1e-4, torch.rand(H1)]
                lines.append(["x", "y", join(np.array(tfs) + base), n])
                peak_lines.append(join(peaks + base) or "nan")
                if gene not in self.inputs:
                    self.inputs[gene], self.networks[gene], self.fishers[gene] = (tfs, peaks), net, fishers[index][0]
            write_lines(path / f"{chrom}_gene.txt", genes)
            pd.DataFrame(lines).to_csv(path / f"{chrom}_index.txt", sep="\t", header=False, index=False)
            write_lines(path / f"{chrom}_index_all.txt", peak_lines)
            torch.save(models, path / f"all_models_{chrom}.pt")
            torch.save(fishers, path / f"fisher_{chrom}.pt")


def join(indices):
    return "_".join(map(str, indices))


def write_lines(path, lines):
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path / "data_bulk")


@pytest.mark.parametrize("base", [0, 1])
def test_every_network_is_read_as_it_is(tmp_path, base):
    folder = Folder(tmp_path / "data_bulk", base=base)
    prior = lg.io.read_lingergrn_prior(folder.path)
    assert prior.genes.tolist() == ["TF3", "GENE1", "GENE2", "GENE3", "TF0"]  # the first GENE1 counts
    assert prior.tfs.tolist() == TFS
    assert (prior.genome, prior.n_samples) == ("hg38", 201)
    rows = prior.rows(np.arange(5))
    for number, gene in enumerate(prior.genes):
        tfs, peaks = folder.inputs[gene]
        layers, fisher = folder.networks[gene].state_dict(), folder.fishers[gene]
        first = layers["fc1.weight"].numpy()
        np.testing.assert_array_equal(rows.tf[number][:, tfs], first[:, : len(tfs)])
        if gene in TFS:
            assert not rows.tf[number, :, TFS.index(gene)].any()
            assert not rows.tf_fisher[number, :, TFS.index(gene)].any()
        span = slice(*rows.offsets[number : number + 2])
        order = np.argsort(peaks)
        np.testing.assert_array_equal(prior.links[number].indices, peaks[order])
        np.testing.assert_array_equal(rows.re[span].T, first[:, len(tfs) :][:, order])
        np.testing.assert_allclose(rows.tf_fisher[number][:, tfs], fisher[:, : len(tfs)] / fisher.mean(), rtol=1e-5)
        np.testing.assert_allclose(rows.re_fisher[span].T, (fisher / fisher.mean())[:, len(tfs) :][:, order], rtol=1e-5)
        np.testing.assert_allclose(rows.fisher_mean[number], fisher.mean(), rtol=1e-5)
        np.testing.assert_array_equal(rows.bias[number], layers["fc1.bias"])
        np.testing.assert_array_equal(rows.w2[number], layers["fc2.weight"])
        np.testing.assert_array_equal(rows.b2[number, :, 0], layers["fc2.bias"])
        np.testing.assert_array_equal(rows.w3[number], layers["fc3.weight"])
        np.testing.assert_array_equal(rows.b3[number, :, 0], layers["fc3.bias"])


def test_peaks_are_those_of_the_wanted_build(folder):
    new = lg.io.read_lingergrn_prior(folder.path).peaks
    assert list(new.iloc[:-1].itertuples(index=False, name=None)) == folder.hg38[:-1]
    assert new["chrom"].iloc[-1] == ""  # its line is missing from the pairs
    old = lg.io.read_lingergrn_prior(folder.path, genome="hg19")
    assert old.genome == "hg19"
    assert (
        old.peaks["chrom"] + ":" + old.peaks["start"].astype(str) + "-" + old.peaks["end"].astype(str)
    ).tolist() == folder.hg19


def test_import_refine_networks(folder, tmp_path):
    """The whole way: their folder, a saved prior, a fit on new data, networks."""
    prior = lg.io.read_lingergrn_prior(folder.path)
    prior.save(tmp_path / "prior", precision="float16")
    mdata = multiome(folder)
    lg.pp.link_peaks(mdata, check_build=False)
    lg.tl.fit(mdata, prior=tmp_path / "prior", config=lg.FitConfig(epochs=5, n_folds=0))
    assert mdata["rna"].var["linger_prior"].sum() == 5
    report = mdata.uns["linger"]["prior"]
    assert (report["n_tfs_matched"], report["n_peaks_matched"]) == (N_TFS, N_PEAKS - 1)
    network = lg.get.network(mdata, kind="trans")
    assert set(network["target"]) == set(prior.genes)
    assert (network["weight"] > 0).all()


def multiome(folder):
    """Cells with the genes and (hg38) peaks of the folder, and TFs that are no targets there."""
    from anndata import AnnData
    from mudata import MuData

    rng = np.random.default_rng(0)
    genes = [*dict.fromkeys(GENES["chr1"] + GENES["chrX"]), *(tf for tf in TFS if tf not in ("TF3", "TF0"))]
    chrom = ["chr1" if gene in GENES["chr1"] else "chrX" for gene in genes]
    var = pd.DataFrame(
        {"chrom": chrom, "tss": 1_200_000, "strand": "+", "is_tf": [gene in TFS for gene in genes]}, index=genes
    )
    cells = [f"cell{i}" for i in range(120)]
    level = rng.gamma(2, size=(120, 1))
    rna = AnnData(rng.poisson(5 * level, (120, len(genes))).astype(np.float32), obs=pd.DataFrame(index=cells), var=var)
    names = [f"{c}:{s}-{e}" for c, s, e in folder.hg38]
    atac = AnnData(
        rng.poisson(2 * level, (120, N_PEAKS)).astype(np.float32),
        obs=pd.DataFrame(index=cells),
        var=pd.DataFrame(index=names),
    )
    mdata = MuData({"rna": rna, "atac": atac})
    mdata["rna"].var.loc[[g for g in genes if g in TFS and g not in ("TF3", "TF0")], "chrom"] = "chr9"
    return mdata


class Malicious:
    def __reduce__(self):
        return os.mkdir, ("pwned",)


@pytest.mark.parametrize("victim", ["all_models_chrX.pt", "fisher_chr1.pt"])
def test_a_malicious_file_executes_nothing_and_is_named(folder, victim, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({0: Malicious()}, folder.path / victim)
    with pytest.raises(ValueError, match=rf"{victim} is refused"):
        lg.io.read_lingergrn_prior(folder.path, output=tmp_path / "prior")
    assert not (tmp_path / "pwned").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["data_bulk"]


def test_whole_modules_are_refused(folder):
    torch.save({0: folder.networks["GENE1"]}, folder.path / "all_models_chr1.pt")
    with pytest.raises(ValueError, match="more than tensors"):
        lg.io.read_lingergrn_prior(folder.path)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("chr1_gene.txt", "TF3\nGENE1\n", "a line a gene"),
        ("chr1_index.txt", "x\ty\t0_1\t5\n" * 3, "gives TF3 5 inputs"),
        ("chr1_index_all.txt", "0_x\n1\n2\n", "no list of indices"),
        ("all_hg19.txt", "chr1:1-2\nnonsense\n", "no peaks"),
        ("TFName.txt", "TF0\nTF1\n", "there are 2"),
        ("all_models_chr1.pt", "not a file of torch", "is refused"),
        ("hg38_hg19_pair.bed", "chr1\t1\t2\tchr1\t3\t4\n", "partner for none"),
    ],
)
def test_wrong_files_are_named(folder, file, content, message):
    (folder.path / file).write_text(content)
    with pytest.raises(ValueError, match=message) as error:
        lg.io.read_lingergrn_prior(folder.path)
    assert "data_bulk" in str(error.value) or file.startswith(("TFName", "chr1_gene"))


def test_parameters_and_repeated_pairs_are_read(folder):
    """Tensors that want gradients are tensors; of partners in hg38 the first counts."""
    fishers = torch.load(folder.path / "fisher_chr1.pt", weights_only=True)
    fishers[0][0].requires_grad_()
    torch.save(fishers, folder.path / "fisher_chr1.pt")
    path = folder.path / "hg38_hg19_pair.bed"
    lines = path.read_text().splitlines()
    elsewhere = lines[0].replace(lines[0].split("\t")[1], "77", 1)
    path.write_text("\n".join([*lines, elsewhere]) + "\n")
    prior = lg.io.read_lingergrn_prior(folder.path)
    assert tuple(prior.peaks.iloc[0]) == folder.hg38[0]
    assert len(prior.peaks) == N_PEAKS


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9, 0.99])
def test_a_file_that_was_cut_is_named(folder, share):
    path = folder.path / "fisher_chr1.pt"
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(ValueError, match=r"fisher_chr1\.pt is refused"):
        lg.io.read_lingergrn_prior(folder.path)


def test_values_that_are_none_are_refused(folder):
    for name, value, place in (("fisher", -1.0, (0, 0)), ("fisher", float("nan"), (3, 2))):
        fishers = torch.load(folder.path / f"{name}_chr1.pt", weights_only=True)
        fishers[1][0][place] = value
        torch.save(fishers, folder.path / f"{name}_chr1.pt")
        with pytest.raises(ValueError, match="missing or negative"):
            lg.io.read_lingergrn_prior(folder.path)
    write_lines(folder.path / "TFName.txt", [*TFS[:-1], TFS[0]])
    with pytest.raises(ValueError, match="names twice: 'TF0'"):
        lg.io.read_lingergrn_prior(folder.path)


def test_missing_files_are_named(folder, tmp_path):
    (folder.path / "fisher_chrX.pt").unlink()
    with pytest.raises(FileNotFoundError, match=r"fisher_chrX\.pt"):
        lg.io.read_lingergrn_prior(folder.path)
    with pytest.raises(FileNotFoundError, match="data_bulk"):
        lg.io.read_lingergrn_prior(tmp_path)


def test_networks_that_do_not_fit_their_inputs_are_refused(folder):
    models = torch.load(folder.path / "all_models_chr1.pt", weights_only=True)
    models[1]["fc1.weight"] = models[1]["fc1.weight"][:, :-1]
    torch.save(models, folder.path / "all_models_chr1.pt")
    with pytest.raises(ValueError, match="gene 1"):
        lg.io.read_lingergrn_prior(folder.path)
    del models[2]
    torch.save(models, folder.path / "all_models_chr1.pt")
    with pytest.raises(ValueError, match="gene"):
        lg.io.read_lingergrn_prior(folder.path)
