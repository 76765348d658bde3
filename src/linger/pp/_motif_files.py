"""Read motifs: MEME, HOMER, JASPAR and PFM/PCM files, matrices from a dict, and JASPAR itself through pyjaspar."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from linger._logging import logger
from linger._reading import reading
from linger._validate import preview

LETTERS: Final = ("A", "C", "G", "T")
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_LETTER_ROW = re.compile(r"^\s*([ACGTU])[\s:|\[]", re.IGNORECASE)
_ROW = re.compile(
    rf"^[\s:|\[]*(?:[ACGTU][\s:|\[]*)?{_NUMBER.pattern}(?:[\s,;:|]+{_NUMBER.pattern})*[\s\]|]*[A-Z]?\s*$", re.IGNORECASE
)
_FORMATS = (
    "Expected a MEME file ('MEME version'), or '>name' headers each followed by a matrix of counts or probabilities "
    "(HOMER, JASPAR, PFM, PCM), or one bare matrix."
)


class Motif(NamedTuple):
    """A motif.

    `name` is unique, `written` is the name as its source has it, `label` names the transcription factor(s), and
    `frequencies` is positions x A, C, G, T.
    """

    name: str
    written: str
    label: str
    frequencies: np.ndarray


def as_frequencies(matrix: np.ndarray | pd.DataFrame | Sequence[Sequence[float]], name: str) -> np.ndarray:
    """Return counts or probabilities, 4 x L or L x 4, as frequencies (positions x A, C, G, T).

    A 4 x 4 matrix is read the way round in which the letters of every position have the same total, and as
    positions x letters if both do. A frame labelled A, C, G, T on either axis is read by its labels.

    Raises
    ------
    ValueError
        If the shape is wrong, or values are negative (a log-odds matrix), missing, or all 0 at a position.

    Examples
    --------
    >>> as_frequencies([[4, 0], [0, 4], [0, 0], [0, 0]], "two positions")
    array([[1., 0., 0., 0.],
           [0., 1., 0., 0.]])
    """
    if isinstance(matrix, pd.DataFrame):
        if set(LETTERS) == set(matrix.index):
            matrix = matrix.T
        values = (
            matrix[list(LETTERS)].to_numpy(dtype=float) if set(LETTERS) == set(matrix.columns) else matrix.to_numpy()
        )
    else:
        values = _upright(np.asarray(matrix, dtype=float))
    if values.ndim != 2 or values.shape[1] != 4 or not len(values):
        msg = (
            f"Motif {name!r} has shape {np.shape(matrix)}; expected 4 x length or length x 4, "
            "letters in the order A, C, G, T."
        )
        raise ValueError(msg)
    if not np.isfinite(values).all() or (values < 0).any() or (values.sum(axis=1) <= 0).any():
        msg = (
            f"Motif {name!r} holds negative or missing values, or a position without any count. "
            "Give counts or probabilities, not log-odds."
        )
        raise ValueError(msg)
    return values / values.sum(axis=1, keepdims=True)


def _upright(values: np.ndarray) -> np.ndarray:
    """Turn 4 x L into L x 4."""
    if values.ndim != 2 or values.shape[0] != 4:
        return values
    if values.shape[1] != 4:
        return values.T
    even = [np.ptp(values.sum(axis=axis)) <= 0.01 * values.sum() / 4 for axis in (0, 1)]
    return values.T if even[0] and not even[1] else values


def motifs_from_dict(matrices: Mapping[str, np.ndarray]) -> list[Motif]:
    """Return the motifs of a dict name -> matrix; the name also names the transcription factor."""
    return [
        Motif(str(name), str(name), str(name), as_frequencies(matrix, str(name))) for name, matrix in matrices.items()
    ]


def read_motifs(path: str | Path) -> list[Motif]:
    """Return the motifs of a MEME, HOMER, JASPAR or PFM/PCM file (plain or gzipped), whichever it is.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it holds no motif, or a matrix that is not counts or probabilities.
    """
    path = Path(path)
    if not path.is_file():
        msg = f"No motif file at {path}. Give a path, a dict name -> matrix, or 'jaspar'."
        raise FileNotFoundError(msg)
    raw = path.read_bytes()
    with reading(path):
        lines = (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode("utf-8", "replace").splitlines()
        is_meme = any(line.startswith("MEME version") for line in lines[:20])
        found = list(_parse_meme(lines) if is_meme else _parse_blocks(lines, path.stem))
    if not found:
        msg = f"{path} holds no motif. {_FORMATS}"
        raise ValueError(msg)
    return _unique(found)


def _unique(motifs: list[Motif]) -> list[Motif]:
    """Append a number to a name that occurred before ("name#2"): published collections do repeat names."""
    seen: dict[str, int] = {}
    renamed = []
    for motif in motifs:
        seen[motif.name] = count = seen.get(motif.name, 0) + 1
        renamed.append(motif if count == 1 else motif._replace(name=f"{motif.name}#{count}"))
    if len(seen) < len(motifs):
        logger.info(
            "%d motifs repeat a name and were numbered (%s)",
            len(motifs) - len(seen),
            preview(k for k in seen if seen[k] > 1),
        )
    return renamed


def _parse_meme(lines: list[str]) -> Iterator[Motif]:
    """Yield the motifs of a MEME file; the alternate name, where there is one, names the factor."""
    name = label = ""
    i = 0
    while i < len(lines):
        fields = lines[i].split()
        i += 1
        if fields[:1] == ["MOTIF"]:
            if len(fields) < 2:
                msg = f"Line {i} is a MOTIF without a name."
                raise ValueError(msg)
            name, label = fields[1], fields[2] if len(fields) > 2 else fields[1]
        elif lines[i - 1].startswith("letter-probability matrix"):
            rows = []
            while i < len(lines) and len(row := _NUMBER.findall(lines[i])) == 4:
                rows.append([float(value) for value in row])
                i += 1
            yield Motif(name, name, label, as_frequencies(np.reshape(rows, (-1, 4)), name))


def _parse_blocks(lines: list[str], stem: str) -> Iterator[Motif]:
    """Yield the motifs of a file of '>header' and matrix; a file without a header is one motif called `stem`."""
    header, rows = stem, list[str]()
    for line in [*lines, ">"]:
        if line.startswith(">"):
            if rows:
                yield _block(header, rows)
            header, rows = line[1:].strip(), []
        elif _NUMBER.search(line) and not line.startswith("#"):
            if not _ROW.match(line):
                msg = f"{line[:60]!r} is no row of a matrix. {_FORMATS}"
                raise ValueError(msg)
            rows.append(line)


def _block(header: str, rows: list[str]) -> Motif:
    fields = header.split("\t")
    if len(fields) >= 3 and _NUMBER.fullmatch(fields[2].strip()):  # HOMER: consensus, name, threshold, ...
        name = label = fields[1].strip()
    else:  # JASPAR: identifier and factor; PFM and PCM: a name
        name, _, label = header.replace("\t", " ").partition(" ")
    letters = [match.group(1).upper().replace("U", "T") for row in rows if (match := _LETTER_ROW.match(row))]
    numbers = [[float(value) for value in _NUMBER.findall(row)] for row in rows]
    if len({len(row) for row in numbers}) != 1 or (letters and sorted(letters) != list(LETTERS)):
        msg = f"The matrix of motif {name!r} is not rectangular. {_FORMATS}"
        raise ValueError(msg)
    values = np.array(numbers)
    if letters:
        values = values[[letters.index(letter) for letter in LETTERS]].T
        return Motif(
            name, name, label.strip() or name, as_frequencies(pd.DataFrame(values, columns=list(LETTERS)), name)
        )
    if values.shape[1] == 5 and np.array_equal(values[:, 0], np.arange(1, len(values) + 1)):
        values = values[:, 1:]  # CIS-BP numbers its positions
    return Motif(name, name, label.strip() or name, as_frequencies(values, name))


def jaspar_motifs(species: str | Sequence[str] | None = None) -> list[Motif]:
    """Return the vertebrate CORE motifs of the latest JASPAR release that pyjaspar ships.

    Parameters
    ----------
    species
        "human", "mouse", or NCBI taxonomy numbers: only motifs measured there. None takes all vertebrates.

    Raises
    ------
    ImportError
        If pyjaspar is not installed.
    ValueError
        If there is no motif of this species.
    """
    try:
        from pyjaspar import jaspardb
    except ImportError as error:
        msg = "motifs='jaspar' needs pyjaspar: pip install 'linger-multiome[motifs]', or give a motif file or a dict."
        raise ImportError(msg) from error
    taxa = {"human": "9606", "mouse": "10090"}
    wanted = (
        None
        if species is None
        else [taxa.get(str(s), str(s)) for s in ([species] if isinstance(species, str) else species)]
    )
    records = jaspardb().fetch_motifs(collection="CORE", tax_group=["vertebrates"], species=wanted, all_versions=False)
    if not records:
        msg = (
            f"JASPAR CORE has no vertebrate motif of species {species!r}. "
            "Use 'human', 'mouse', an NCBI taxonomy number, or None."
        )
        raise ValueError(msg)
    return [
        Motif(record.matrix_id, record.matrix_id, record.name, as_frequencies(counts, record.matrix_id))
        for record in records
        for counts in [[record.counts[letter] for letter in LETTERS]]
    ]
