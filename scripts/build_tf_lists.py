"""Write src/linger/data/tfs_human.txt and tfs_mouse.txt from the vertebrate CORE collection of JASPAR (CC BY 4.0).

Run ``python scripts/build_tf_lists.py`` in an environment with pyjaspar. The result depends on nothing else.

A factor measured in one vertebrate stands for its orthologue in man and mouse: symbols differ only in case (GATA1,
Gata1) but for a few rodent-only genes, which match no human gene, and for the names below. Partners of a dimer count
one by one. A hyphen elsewhere than in NKX2-1 and its like marks what is no mammalian gene: a fusion protein
(EWSR1-FLI1), a frog's mix-a.
"""

from __future__ import annotations

import re
from pathlib import Path

from pyjaspar import JASPAR_LATEST_RELEASE, jaspardb

DATA = Path(__file__).parents[1] / "src" / "linger" / "data"
MOUSE_NAMES = {"TP53": "Trp53", "TP63": "Trp63", "TP73": "Trp73"}
HEADER = (
    "# Transcription factors with a motif in the vertebrate CORE collection of {release} (CC BY 4.0); see NOTICE.md\n"
)
HYPHENATED = re.compile(r"^NKX\d-\d+$")


def factors() -> list[str]:
    """Return the symbols of all factors, upper-case."""
    records = jaspardb().fetch_motifs(collection="CORE", tax_group=["vertebrates"])
    labels = [re.sub(r"\(.*?\)", "", record.name) for record in records]
    found = {name.strip().upper() for label in labels for name in label.split("::")}
    return sorted(name for name in found if "-" not in name or HYPHENATED.match(name))


def mouse_name(symbol: str) -> str:
    """Return a symbol in mouse convention; mouse calls its zinc fingers Zfp where human says ZNF."""
    return MOUSE_NAMES.get(symbol) or re.sub(r"^Znf(?=\d)", "Zfp", symbol.capitalize())


def main() -> None:
    symbols = factors()
    header = HEADER.format(release=JASPAR_LATEST_RELEASE)
    for species, names in (("human", symbols), ("mouse", sorted({mouse_name(name) for name in symbols}))):
        path = DATA / f"tfs_{species}.txt"
        path.write_text(header + "\n".join(names) + "\n", encoding="utf-8")
        print(f"{path}: {len(names)} factors")


if __name__ == "__main__":
    main()
