"""The command line: ``linger run``, ``linger estimate``, ``linger pretrain``, ``linger report`` and ``linger demo``."""

from __future__ import annotations

import argparse
import logging
import re
import signal
import sys
import threading
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import linger as lg
from linger._keys import CHROM, DEFAULT_KEY, IS_TF, MOTIF, TSS, slot
from linger._reading import reading
from linger._validate import fit_record, known_names
from linger.io._write import check_room

if TYPE_CHECKING:
    import pandas as pd
    from mudata import MuData

_LISTS = ("human", "mouse")
_SPECIES = {"hg38": "human", "hg19": "human", "mm10": "mouse"}
_COMMAND_LINE = {  # what errors call by its name in Python, where options have another
    "annotation=": "--genome",
    "annotate_genes(": "--genome",
    "mark_tfs(": "--tfs",
    "scan_motifs(": "--fasta",
    "lg.tl.fit(": "linger run",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    options = _parser().parse_args(argv)
    _show_log()
    _end_as_by_ctrl_c()
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_args, **_options: _say("warning", str(message), options)
        try:
            options.command(options)
        except (KeyError, ValueError, TypeError, OSError, ImportError, RuntimeError, MemoryError) as error:
            # a KeyError prints the repr of its text, quotes and all, unless its argument is taken
            _say("error", str(error.args[0] if isinstance(error, KeyError) and error.args else error), options)
            return 1
        except KeyboardInterrupt:
            kept = " The same command goes on from what is finished." if getattr(options, "store", None) else ""
            print(f"linger: interrupted.{kept}", file=sys.stderr)
            return 130
    return 0


def _end_as_by_ctrl_c() -> None:
    """Tidy up when a cluster's scheduler ends this process; no other than the main thread may say so."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)


def _say(level: str, text: str, options: argparse.Namespace) -> None:
    """Print a warning or an error, and what the things it names are called on the command line."""
    found = [name for name in vars(options) if re.search(rf"\b{name}(=|\()|\blower {name}\b", text)]
    asked = [f"--{name.replace('_', '-')}" for name in found]
    for call, said in _COMMAND_LINE.items():
        there = said.removeprefix("--") in options if said.startswith("--") else options.command is not _run
        if call in text and there and said not in asked:
            asked.append(said)
    hint = f" (On the command line: {', '.join(asked)}.)" if asked else ""
    print(f"linger: {level}: {text}{hint}", file=sys.stderr)


def _show_log() -> None:
    """Print what linger logs, and of other libraries warnings only."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    logging.getLogger("linger").setLevel(logging.INFO)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="linger", description="Gene regulatory networks from paired RNA + ATAC data.")
    parser.add_argument("--version", action="version", version=f"linger {lg.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_run(commands)
    _add_estimate(commands)
    _add_pretrain(commands)
    _add_report(commands)
    demo = commands.add_parser("demo", help="simulate data with known truth, infer its networks, and compare")
    demo.set_defaults(command=_demo)
    demo.add_argument(
        "-o", "--output", type=Path, default=Path("linger_demo"), help="folder for the results (default: linger_demo)"
    )
    demo.add_argument("--seed", type=int, default=0, help="seed (default: 0)")
    return parser


def _add_run(commands: Any) -> None:
    run = commands.add_parser("run", help="infer the networks of an .h5mu file")
    run.set_defaults(command=_run)
    _add_data(run)
    run.add_argument("-o", "--output", type=Path, required=True, help="MuData file to write")
    run.add_argument(
        "--fasta",
        type=Path,
        help="genome sequence (FASTA or 2bit) to scan for motifs (default: motifs that are in the input, if any)",
    )
    run.add_argument("--motifs", default="jaspar", help="jaspar, or a motif file (default: jaspar)")
    run.add_argument(
        "--missing-chromosomes",
        choices=["error", "skip"],
        default="error",
        help="what to do with peaks whose chromosome --fasta lacks",
    )
    run.add_argument(
        "--networks", type=Path, help="zarr folder for the networks of every type of --groupby (default: none)"
    )
    run.add_argument("--report", type=Path, help="HTML file for an interactive report (default: none)")
    run.add_argument("--store", type=Path, help="folder for the trained networks (default: none)")
    run.add_argument(
        "--resume",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="go on where the same run, with --store, was interrupted (default: yes)",
    )
    run.add_argument("--prior", type=Path, help="folder of a prior to start from (see: linger pretrain)")
    run.add_argument("--chain", type=Path, help="chain file from the prior's genome build to that of the data")


def _add_estimate(commands: Any) -> None:
    estimate = commands.add_parser("estimate", help="say what time, memory and disk the networks of an .h5mu file take")
    estimate.set_defaults(command=_estimate, fasta=None)
    _add_data(estimate)
    estimate.add_argument(
        "--with-motifs", action="store_true", help="as with --fasta (default: if motifs are in the input)"
    )


def _add_data(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what is fitted, and how."""
    parser.add_argument("input", type=Path, help="MuData file with modalities rna and atac")
    parser.add_argument(
        "--genome",
        help="hg38, hg19, mm10, or a GTF or BED file with gene locations (default: the chrom and tss of rna.var where they are there, else hg38)",
    )
    parser.add_argument(
        "--tfs",
        help="human, mouse, or a file with one TF a line (default: by --genome, or the is_tf of rna.var where genes are located there)",
    )
    parser.add_argument("--gene-symbols", help="column of rna.var with gene symbols (default: the names of the genes)")
    parser.add_argument(
        "--groupby", help="column of obs with cell types, that metacells stay within and networks are weighed by"
    )
    parser.add_argument("--min-cells", type=int, default=10, help="smallest cell type allowed (default: 10)")
    parser.add_argument(
        "--n-metacells",
        type=_number_or_word,
        default="auto",
        help="auto, sqrt (per type), all, or how many metacells (default: auto)",
    )
    parser.add_argument("--n-neighbors", type=int, default=100, help="most cells in a metacell (default: 100)")
    parser.add_argument("--layer", help="layer with raw counts (default: layers['counts'], else X)")
    parser.add_argument("--restore-counts", action="store_true", help="undo an exact log(count + 1)")
    parser.add_argument(
        "--max-distance", type=int, default=1_000_000, help="reach of a peak in base pairs (default: 1000000)"
    )
    parser.add_argument("--n-folds", type=int, default=5, help="folds of the cross-validation; 0 skips it (default: 5)")
    parser.add_argument("--n-jobs", type=int, default=1, help="processes; -1 takes one for every core (default: 1)")
    parser.add_argument("--device", default="auto", help="cpu, cuda or auto (default: auto)")
    parser.add_argument("--seed", type=int, default=0, help="seed (default: 0)")
    parser.add_argument("--rna-key", default="rna", help="name of the RNA modality (default: rna)")
    parser.add_argument("--atac-key", default="atac", help="name of the ATAC modality (default: atac)")


def _number_or_word(text: str) -> int | str:
    return int(text) if text.isdigit() else text


def _add_pretrain(commands: Any) -> None:
    pretrain = commands.add_parser("pretrain", help="make a prior from bulk samples with RNA and ATAC or DNase")
    pretrain.set_defaults(command=_pretrain)
    pretrain.add_argument(
        "--rna", type=Path, required=True, help="table (.csv, else tabs), a gene a row and a sample a column"
    )
    atac = pretrain.add_mutually_exclusive_group(required=True)
    atac.add_argument("--atac", type=Path, help="table, a peak (chr:start-end) a row and a sample a column")
    atac.add_argument(
        "--peaks", type=Path, help="folder with a narrowPeak or BED file a sample, named as the columns of --rna"
    )
    pretrain.add_argument("--genome", required=True, choices=list(_SPECIES), help="build of the peaks")
    pretrain.add_argument("-o", "--output", type=Path, required=True, help="folder for the prior")
    pretrain.add_argument("--samples", nargs="+", help="samples to use (default: all in both)")
    pretrain.add_argument(
        "--value", default="signal", choices=["signal", "score", "binary"], help="openness in --peaks"
    )
    pretrain.add_argument(
        "--min-samples", type=int, default=1, help="fewest samples a peak of --peaks is in (default: 1)"
    )
    pretrain.add_argument("--prior", type=Path, help="prior of an earlier round")
    pretrain.add_argument("--chain", type=Path, help="chain file from the build of --prior to --genome")
    pretrain.add_argument("--normalize", default="log", choices=["log", "quantile"], help="default: log")
    pretrain.add_argument("--half", action="store_true", help="store half-precision numbers: half the size")
    pretrain.add_argument("--description", default="", help="where the samples are from, kept in the prior")
    pretrain.add_argument("--device", default="auto", help="cpu, cuda or auto (default: auto)")
    pretrain.add_argument("--seed", type=int, default=0, help="seed (default: 0)")


def _add_report(commands: Any) -> None:
    report = commands.add_parser("report", help="write an interactive page about the networks of an .h5mu file")
    report.set_defaults(command=_report)
    report.add_argument("input", type=Path, help="MuData file that linger run or lg.tl.fit wrote networks into")
    report.add_argument("-o", "--output", type=Path, required=True, help="HTML file to write")
    report.add_argument("--title", help="heading of the page (default: name of the input)")
    report.add_argument(
        "--top", type=int, default=500, help="strongest edges of each kind, for each type (default: 500)"
    )
    report.add_argument("--n-targets", type=int, default=15, help="strongest targets of every TF (default: 15)")
    report.add_argument("--n-genes", type=int, default=1500, help="genes whose peaks are shown (default: 1500)")
    report.add_argument("--gene-symbols", help="column of rna.var with gene symbols (default: the names of the genes)")
    report.add_argument("--key", default=DEFAULT_KEY, help="name of the fit (default: linger)")
    report.add_argument("--rna-key", default="rna", help="name of the RNA modality (default: rna)")
    report.add_argument("--atac-key", default="atac", help="name of the ATAC modality (default: atac)")


def _report(options: argparse.Namespace) -> None:
    _exists(options.input)
    mdata = _read_mudata(options.input)
    fit_record(mdata, options.key)  # before libraries are asked for
    lg.pl.report(
        mdata,
        options.output,
        title=options.title or options.input.stem,
        top=options.top,
        n_targets=options.n_targets,
        n_genes=options.n_genes,
        gene_symbols=options.gene_symbols,
        key=options.key,
        rna_key=options.rna_key,
        atac_key=options.atac_key,
    )
    print(f"Wrote {options.output}")


def _read_mudata(path: Path) -> MuData:
    import mudata

    from linger._mudata import quiet_update

    try:
        with quiet_update():
            return mudata.read_h5mu(path)
    except Exception as error:  # a damaged file fails in as many ways as h5py and its readers have
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        msg = f"{path} cannot be read as a MuData file (.h5mu with modalities, as mudata writes it): {reason}"
        raise ValueError(msg) from error


def _pretrain(options: argparse.Namespace) -> None:
    rna = _read_table(options.rna)
    if options.peaks is not None:
        atac: Any = lg.io.read_peaks_panel(options.peaks, value=options.value, min_samples=options.min_samples)
    else:
        atac = _read_table(options.atac)
    if options.samples is not None:
        known = atac.index if hasattr(atac, "index") else atac.obs_names
        rna = rna.loc[known_names(options.samples, rna.index.intersection(known), "samples in both tables")]
    prior = lg.tl.pretrain(
        (rna, atac),
        genome=options.genome,
        prior=options.prior,
        chain=options.chain,
        normalize=options.normalize,
        precision="float16" if options.half else "float32",
        description=options.description,
        path=options.output,
        device=options.device,
        rng=options.seed,
    )
    print(f"Wrote {prior}")


def _read_table(path: Path) -> pd.DataFrame:
    """Read a table (.csv, else tabs) with features in rows, and return it with samples in rows; a feature given twice is added up."""
    import pandas as pd

    with reading(path):
        table = pd.read_csv(path, sep="," if ".csv" in path.suffixes else "\t", index_col=0)
    return table.groupby(level=0).sum(min_count=1).T  # a value that is missing stays missing, and is refused


def _run(options: argparse.Namespace) -> None:
    _check_files(options)
    config = lg.FitConfig(n_folds=options.n_folds)
    mdata, metacells, keys = _read_data(options)
    check_room(mdata, options.output)  # before hours of work
    _score_tfs(mdata, metacells, options, keys)
    lg.tl.fit(
        mdata,
        metacells=metacells,
        prior=options.prior,
        chain=options.chain,
        config=config,
        device=options.device,
        store=options.store,
        resume=options.resume,
        n_jobs=options.n_jobs,
        rng=options.seed,
        **keys,
    )
    lg.io.write_h5mu(mdata, options.output)
    for kind in ("trans", "cis", "binding"):
        found = lg.get.matrix(mdata, kind=kind, **keys).matrix
        print(f"{kind}: {found.shape[0]} x {found.shape[1]}, {found.nnz} edges")
    print(f"Wrote {options.output}")
    if options.networks is not None:
        lg.io.write_networks(mdata, options.networks, **keys)
        print(f"Wrote the networks of {len(lg.get.groups(mdata, **keys))} types to {options.networks}")
    if options.report is not None:
        lg.pl.report(mdata, options.report, title=options.output.stem, gene_symbols=options.gene_symbols, **keys)
        print(f"Wrote {options.report}")


def _read_data(options: argparse.Namespace) -> tuple[MuData, MuData, Any]:
    """Return annotated cells, their metacells and the keys of the modalities."""
    mdata = _read_mudata(options.input)
    keys: Any = {"rna_key": options.rna_key, "atac_key": options.atac_key}
    if options.restore_counts:
        lg.pp.restore_counts(mdata, modalities=list(keys.values()))
    # made first, since most of what can be wrong with the data shows here
    metacells = lg.pp.metacells(
        mdata,
        groupby=options.groupby,
        n_metacells=options.n_metacells,
        n_neighbors=options.n_neighbors,
        min_cells=options.min_cells,
        layer=options.layer,
        rng=options.seed,
        **keys,
    )
    _prepare(mdata, options, keys)
    return mdata, metacells, keys


def _estimate(options: argparse.Namespace) -> None:
    _exists(options.input)
    mdata, metacells, keys = _read_data(options)
    expected = lg.tl.estimate(
        mdata,
        metacells=metacells,
        config=lg.FitConfig(n_folds=options.n_folds),
        motifs=options.with_motifs or None,
        device=options.device,
        n_jobs=options.n_jobs,
        **keys,
    )
    print(expected)


def _score_tfs(mdata: MuData, metacells: MuData, options: argparse.Namespace, keys: Any) -> None:
    """Score TFs in every cell type, if there are types to compare and motifs."""
    types = metacells.obs[options.groupby].nunique() if options.groupby is not None else 1
    if types < 2 or slot(DEFAULT_KEY, MOTIF) not in mdata.varp:
        reason = "no motifs" if types > 1 else "no cell types to compare"
        logging.getLogger("linger").info("TFs are not scored for importance: there are %s.", reason)
        return
    lg.tl.tf_importance(
        mdata,
        options.groupby,
        metacells=metacells,
        min_cells=options.min_cells,
        layer=options.layer,
        rng=options.seed,
        **keys,
    )


def _check_files(options: argparse.Namespace) -> None:
    """Raise before any work if an input is missing, or something else is where results are to go."""
    from linger.io._networks import check_path
    from linger.pl._page._render import check_libraries

    tfs = None if options.tfs in (None, *_LISTS) else Path(options.tfs)
    for path in (options.input, options.fasta, options.chain, tfs):
        if path is not None:
            _exists(path)
    for path in (options.output, options.report):
        if path is not None:
            _can_be_made(path)
    if options.prior is not None and not options.prior.is_dir():
        msg = f"There is no prior {options.prior}. Make one: linger pretrain."
        raise FileNotFoundError(msg)
    if options.networks is not None:
        check_path(options.networks)
    if options.report is not None:
        check_libraries()
    if options.networks is not None and options.groupby is None:
        msg = "--networks is for the networks of cell types; say which column of obs they are in: --groupby."
        raise ValueError(msg)
    if options.output.resolve() == options.input.resolve():
        msg = f"-o names the input, {options.input}; write to another file."
        raise ValueError(msg)


def _exists(path: Path) -> None:
    if path.is_dir():
        msg = f"{path} is a folder; name the file to read."
        raise IsADirectoryError(msg)
    if not path.is_file():
        msg = f"There is no file {path}."
        raise FileNotFoundError(msg)


def _can_be_made(path: Path) -> None:
    """Raise if a folder is where a file is to be written, or a file where its folder should be."""
    if path.is_dir():
        msg = f"{path} is a folder; name the file to write."
        raise IsADirectoryError(msg)
    there = next(parent for parent in path.resolve().parents if parent.exists())
    if not there.is_dir():
        msg = f"{path} cannot be written: {there} is a file and no folder."
        raise NotADirectoryError(msg)


def _read_words(path: Path) -> list[str]:
    """Return the names in a text file."""
    with reading(path):
        return path.read_text(encoding="utf-8").split()


def _prepare(mdata: MuData, options: argparse.Namespace, keys: Any) -> None:
    """Annotate genes, mark TFs, link peaks and scan motifs as asked."""
    var = mdata[keys["rna_key"]].var
    symbols = {"gene_symbols": options.gene_symbols, "rna_key": keys["rna_key"]}
    located = options.genome is None and {CHROM, TSS} <= set(var.columns)
    genome = options.genome or "hg38"
    if not located:
        lg.pp.annotate_genes(mdata, annotation=genome, **symbols)
    tfs = options.tfs or _SPECIES.get(genome)
    if options.tfs is not None or not (located and IS_TF in var):
        if tfs is None:
            msg = "Say which genes are TFs: --tfs human, --tfs mouse or --tfs FILE."
            raise ValueError(msg)
        lg.pp.mark_tfs(mdata, tfs=tfs if tfs in _LISTS else _read_words(Path(tfs)), **symbols)
    lg.pp.link_peaks(mdata, max_distance=options.max_distance, **keys)
    if options.fasta is not None:
        lg.pp.scan_motifs(
            mdata,
            genome=options.fasta,
            motifs=options.motifs,
            missing_chromosomes=options.missing_chromosomes,
            gene_symbols=options.gene_symbols,
            **keys,
        )


def _demo(options: argparse.Namespace) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    started = time.perf_counter()
    print("Simulating paired RNA + ATAC data from a known regulatory network ...", flush=True)
    data = lg.ds.simulate(rng=options.seed)
    mdata = data.mdata
    lg.pp.link_peaks(mdata)
    metacells = lg.pp.metacells(mdata, groupby="cell_type", rng=options.seed)
    print(f"Training {mdata['rna'].n_vars} networks on {metacells.n_obs} metacells ...", flush=True)
    lg.tl.fit(mdata, metacells=metacells, store=options.output / "networks", rng=options.seed)
    table = lg.bm.recovery(
        mdata, metacells, truth={kind: getattr(data.truth, kind) for kind in ("trans", "cis", "binding")}
    )
    _write_demo(mdata, table, options.output)
    print(
        f"\nHow well the true network was recovered (higher is better, {time.perf_counter() - started:.0f} s in all):\n"
    )
    print(table.round(3).to_string(index=False))
    print(f"\nWrote networks, table and figures to {options.output}")


def _write_demo(mdata: MuData, table: pd.DataFrame, folder: Path) -> None:

    folder.mkdir(parents=True, exist_ok=True)
    lg.io.write_h5mu(mdata, folder / "demo.h5mu")
    table.to_csv(folder / "recovery.csv", index=False)
    recovered = lg.pl.recovery(table).get_figure(root=True)
    if recovered is not None:
        recovered.savefig(folder / "recovery.png", dpi=150)
    lg.pl.training(mdata).savefig(folder / "training.png", dpi=150)
