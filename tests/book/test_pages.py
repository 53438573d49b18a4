"""The built pages as text: links that lead somewhere, figures that say what they show, nothing from another host."""

import re
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup

SHORTEST_ALTERNATIVE = 20


@pytest.fixture(scope="module")
def pages(html):
    pages = {path: BeautifulSoup(path.read_text("utf-8"), "html.parser") for path in html.rglob("*.html")}
    return {path: soup for path, soup in pages.items() if "_static" not in path.parts}


def test_every_link_within_the_book_leads_to_a_page_and_a_place_in_it(pages):
    broken = []
    for page, soup in pages.items():
        for link in soup.select("a[href], link[href], script[src], img[src]"):
            address = urlsplit(link.get("href") or link.get("src"))
            if address.scheme or address.netloc:
                continue
            target = (page.parent / unquote(address.path)).resolve() if address.path else page.resolve()
            known = pages.get(target)
            if not target.is_file():
                broken.append(f"{page}: {address.path}")
            elif address.fragment and known is not None and not known.find(id=unquote(address.fragment)):
                broken.append(f"{page}: {address.path}#{address.fragment}")
    assert broken == []


def test_every_figure_says_what_it_shows(pages):
    mute = []
    for page, soup in pages.items():
        for image in soup.select("img, [role=img]"):
            names = [soup.find(id=i) for i in image.get("aria-labelledby", "").split()]
            text = (
                image.get("alt") or image.get("aria-label") or " ".join(n.get_text(" ", strip=True) for n in names if n)
            )
            if len(text.strip()) < SHORTEST_ALTERNATIVE:
                mute.append(f"{page}: {str(image)[:120]}")
    assert mute == []


def test_no_page_or_style_sheet_loads_from_another_host(pages, html):
    loaded = []
    for page, soup in pages.items():
        for node in soup.select(
            "[src], link[rel~=stylesheet], link[rel~=preload], link[rel~=icon], object[data], form[action]"
        ):
            address = next(node[a] for a in ("src", "href", "data", "action") if node.has_attr(a))
            if urlsplit(address).netloc:
                loaded.append(f"{page}: {address}")
    for sheet in html.rglob("*.css"):
        loaded += [
            f"{sheet}: {url}" for url in re.findall(r"url\(['\"]?((?:https?:)?//[^)]*)", sheet.read_text("utf-8"))
        ]
    assert loaded == []


def test_every_page_has_one_title_and_headings_that_skip_no_level(pages):
    for page, soup in pages.items():
        levels = [int(h.name[1]) for h in soup.select("main :is(h1, h2, h3, h4, h5, h6)")]
        assert levels.count(1) == 1 and levels[0] == 1, page
        assert all(after - before <= 1 for before, after in zip(levels, levels[1:], strict=False)), page


def test_no_link_is_named_by_the_word_here(pages):
    for page, soup in pages.items():
        names = {a.get_text(" ", strip=True).lower() for a in soup.select("main a[href]")}
        assert not names & {"here", "click here", "this", "link", ""}, page
