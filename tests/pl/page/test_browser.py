"""The page in a browser: it works, it is quiet, and it fits a phone."""

from __future__ import annotations

import csv
import os
import shutil

import pytest

from .reading import ALARMING, data_of, frame_of, written

pytest.importorskip("plotly")
playwright = pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser():
    names = ("chromium", "chromium-browser", "google-chrome")
    program = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if program is None:
        pytest.skip("no Chromium found; install it, or set CHROMIUM to its program")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def shown(alarming, tmp_path_factory):
    """A page with everything on it and names that look like HTML, and its data."""
    path = tmp_path_factory.mktemp("page") / "report.html"
    return path, data_of(written(alarming, path, title=ALARMING, gene_symbols="symbol", n_targets=3))


@pytest.fixture
def page(browser, shown):
    yield from opened(browser, shown[0], width=1200)


@pytest.fixture
def phone(browser, shown):
    yield from opened(browser, shown[0], width=375)


def opened(browser, path, *, width):
    """Open a page; afterwards nothing must have been complained of, asked for elsewhere, or popped up."""
    page = browser.new_page(viewport={"width": width, "height": 800})
    noise = []
    page.on("console", lambda message: noise.append(message.text))
    page.on("pageerror", lambda error: noise.append(str(error)))
    page.on("dialog", lambda dialog: (noise.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda request: request.url.startswith(("file:", "data:", "blob:")) or noise.append(request.url))
    page.goto(path.as_uri())
    page.wait_for_selector("body[data-ready]", timeout=120_000)
    yield page
    page.close()
    assert noise == []


def cells(page, name, column):
    """What a table shows in a column, from 1."""
    return page.locator(f"#table-{name} tbody tr td:nth-child({column})").all_text_contents()


def comes_to(page, read, expected):
    """Check that `read()` is as expected, now or soon: the browser answers a click or a key a moment later."""
    for _ in range(200):
        if read() == expected:
            return
        page.wait_for_timeout(50)
    assert read() == expected


def choose_type(page, position):
    page.select_option("#type", str(position))


def test_tables_show_the_strongest_edges_of_the_type_chosen(page, shown):
    _, data = shown
    for position in (0, 2):
        choose_type(page, position)
        for name in ("trans", "cis", "binding"):
            expected = frame_of(data, name, position).iloc[:10]
            comes_to(page, lambda name=name: cells(page, name, 1), expected.iloc[:, 0].tolist())
            assert cells(page, name, 2) == expected.iloc[:, 1].tolist()
            assert [float(text) for text in cells(page, name, 3)] == expected["weight"].tolist()
        label = page.locator("#type option").nth(position).text_content()
        assert page.locator("#network .of-type").text_content() == label


def test_columns_without_values_are_left_out(page):
    headings = page.locator("#table-tfs thead th")
    assert "importance" not in headings.all_text_contents()  # all cells have none
    choose_type(page, 1)
    comes_to(page, lambda: headings.all_text_contents()[:2], ["TF", "importance"])


def test_search_and_sort(page, shown):
    trans = frame_of(shown[1], "trans")
    gene = trans["gene"].iloc[20]
    search = page.locator("#table-trans_wrapper input[type=search]")
    search.fill(gene)
    comes_to(page, lambda: set(cells(page, "trans", 2)), {gene})
    search.fill("")
    comes_to(page, lambda: cells(page, "trans", 2), trans["gene"][:10].tolist())
    page.locator("#table-trans thead th", has_text="weight").click()
    comes_to(page, lambda: [float(text) for text in cells(page, "trans", 3)], sorted(trans["weight"])[:10])


def test_tables_download_as_they_are(page, shown, tmp_path):
    choose_type(page, 1)
    with page.expect_download() as download:
        page.locator("#table-tfs_wrapper button", has_text="Download CSV").click()
    download.value.save_as(tmp_path / "tfs.csv")
    assert download.value.suggested_filename.startswith("tfs_")
    assert download.value.suggested_filename.endswith(".csv")
    with (tmp_path / "tfs.csv").open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    expected = frame_of(shown[1], "tfs", 1)
    assert [row["TF"] for row in rows] == expected["TF"].tolist()
    assert ALARMING in expected["TF"].tolist()
    assert [float(row["importance"]) for row in rows] == expected["importance"].tolist()


def test_a_tf_is_chosen_by_its_name_and_hovering_tells_its_weights(page, shown):
    _, data = shown
    choose_type(page, 1)
    page.fill("#tf", ALARMING)
    page.press("#tf", "Enter")
    targets = data["targets"]
    edges = targets["edges"][1]
    own = [
        targets["genes"][target]
        for source, target in zip(edges["source"], edges["target"], strict=True)
        if targets["tfs"][source] == ALARMING
    ]
    assert page.locator("#figure-network .textpoint").all_text_contents()[0] == ALARMING[:17] + "…"
    drawn = page.evaluate("document.getElementById('figure-network').data.at(-1).hovertext")
    assert drawn == own
    # a quarter of the way along the first edge
    point = page.evaluate(
        """() => {
          const figure = document.getElementById("figure-network");
          figure.scrollIntoView({ block: "start" });
          const { xaxis, yaxis } = figure._fullLayout, box = figure.getBoundingClientRect(), line = figure.data[0];
          return [box.x + xaxis._offset + xaxis.l2p(line.x[6]), box.y + yaxis._offset + yaxis.l2p(line.y[6])];
        }"""
    )
    page.mouse.move(point[0] - 3, point[1])
    page.mouse.move(*point)
    hover = page.locator("#figure-network .hovertext")
    hover.wait_for()
    assert f"{ALARMING} → {own[0]}" in hover.first.text_content()
    assert "weight " in hover.first.text_content()


def test_without_a_tf_the_strongest_edges_are_drawn(page, shown):
    _, data = shown
    choose_type(page, 2)
    expected = frame_of(data, "trans", 2).head(40)
    texts = page.evaluate("document.getElementById('figure-network').data.slice(0, -2).map((line) => line.text[0])")
    weights = [float(text.split("weight ")[1].split(",")[0]) for text in texts]
    assert weights == pytest.approx(expected["weight"].tolist(), rel=5e-3)
    assert all(f"→ {gene}<br>" in text for text, gene in zip(texts, expected["gene"], strict=True) if gene != ALARMING)


def test_it_begins_with_the_gene_predicted_best_and_shapes_are_those_of_figures(page, shown):
    loci = shown[1]["loci"]
    assert page.input_value("#gene") == loci["genes"][loci["first"][0]]
    shapes = page.evaluate("document.getElementById('figure-network').data.slice(-2).map((dots) => dots.marker.symbol)")
    assert shapes == ["circle", "square"]  # TFs, genes
    assert "Circles are TFs, squares" in page.locator("#network figcaption").text_content()
    assert "four significant digits" in page.locator("#edges").text_content()


def test_a_name_that_is_not_there_is_said_to_be(page):
    for what in ("tf", "gene"):
        page.fill(f"#{what}", "NONSENSE")
        page.press(f"#{what}", "Enter")
        assert page.locator(f"#{what}-message").text_content() == "NONSENSE is not on this page."


def test_a_click_on_a_gene_shows_its_peaks(page, shown):
    _, data = shown
    button = page.locator("#table-cis .pick").nth(3)
    gene = button.text_content()
    button.click()
    assert page.input_value("#gene") == gene
    loci = data["loci"]
    edges = loci["edges"][0]
    expected = [
        (loci["start"][source] + loci["end"][source]) / 2e6
        for source, target in zip(edges["source"], edges["target"], strict=True)
        if loci["genes"][target] == gene
    ]
    drawn = page.evaluate("document.getElementById('figure-locus').data.at(-2).x")
    assert drawn == pytest.approx(expected)


def test_it_works_by_keyboard_and_names_its_controls(page):
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    unnamed = page.evaluate("[...document.querySelectorAll('select, input')].filter((it) => !it.labels.length).length")
    assert unnamed == 0
    assert page.locator("[role=img]:not([aria-label])").count() == 0
    assert page.title() == page.locator("h1").text_content() == ALARMING


def test_it_fits_a_phone(phone):
    assert phone.evaluate("document.documentElement.scrollWidth") <= 375
    choose_type(phone, 1)
    phone.locator("#table-tfs .pick").first.click()
    assert phone.evaluate("document.documentElement.scrollWidth") <= 375
    for name in ("network", "locus", "loss"):
        box = phone.locator(f"#figure-{name} .main-svg").first.bounding_box()
        assert 250 < box["width"] <= 375


def test_a_fit_alone_makes_a_quiet_page(browser, fitted, tmp_path):
    written(fitted, tmp_path / "report.html")
    for each in opened(browser, tmp_path / "report.html", width=1200):
        assert not each.locator(".bar").is_visible()
        assert len(cells(each, "trans", 1)) == 10
