"""The built book as readers meet it: accessible, private, light, and readable in every way it may be opened."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from moi.book.weight import first_visit

AXE = Path("node_modules/axe-core/axe.min.js")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 900}
HEAVIEST = 350_000  # bytes, compressed, of a page's first visit


# Each width and each of the colours with every change; all four together take four minutes.
@pytest.mark.parametrize(
    ("screen", "colours"),
    [
        pytest.param(PHONE, "dark", id="phone-dark"),
        pytest.param(DESKTOP, "light", id="desktop-light"),
        pytest.param(PHONE, "light", id="phone-light", marks=pytest.mark.long),
        pytest.param(DESKTOP, "dark", id="desktop-dark", marks=pytest.mark.long),
    ],
)
def test_axe_finds_nothing_and_no_page_is_wider_than_the_screen(reader, site, pages, screen, colours):
    page = reader(viewport=screen, color_scheme=colours)
    found = []
    for name in pages:
        page.goto(site + name, wait_until="load")
        page.evaluate("for (const fold of document.querySelectorAll('details')) fold.open = true")
        page.add_script_tag(path=AXE)
        result = page.evaluate("rules => axe.run(document, { runOnly: rules })", RULES)
        assert len(result["passes"]) > 10, f"axe has looked at nothing on {name}"
        found += [f"{name}: {v['id']}: {node['html'][:160]}" for v in result["violations"] for node in v["nodes"]]
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found.append(f"{name}: wider than the screen")
    assert found == []


def test_no_page_asks_another_host_or_fails_in_its_script(reader, site, pages):
    page = reader()
    faults = []
    page.on("pageerror", lambda error: faults.append(f"{page.url}: {error}"))
    page.on("requestfailed", lambda request: faults.append(f"{page.url}: {request.url} {request.failure}"))
    page.on(
        "response", lambda r: faults.append(f"{page.url}: {r.url} answered {r.status}") if r.status >= 400 else None
    )
    for name in pages:
        page.goto(site + name)
        page.wait_for_load_state("networkidle")
    # An address outside fails the test through the fixture. Leaving a page aborts what it was still fetching.
    assert [fault for fault in faults if not fault.endswith("net::ERR_ABORTED")] == []


def test_every_page_is_light(browser, site, pages):
    heavy = {}
    for name in pages:
        context = browser.new_context(viewport=DESKTOP)
        weights = first_visit(context.new_page(), site + name)
        context.close()
        assert any(path.endswith("book.css") for path in weights), f"{name} came without its style sheet"
        if sum(weights.values()) > HEAVIEST:
            heavy[name] = sorted(weights.items(), key=lambda item: -item[1])[:6]
    assert heavy == {}


def test_every_page_is_readable_when_opened_as_a_file(reader, pages, html):
    page = reader()
    for name in pages:
        page.goto((html / name).as_uri())
        expect(page.locator("h1").first).to_be_visible()
        # Styled: the sheet was found without a server.
        assert page.locator(".book-header").evaluate("e => getComputedStyle(e).display") == "flex"


def test_every_page_is_readable_without_scripts(reader, site, pages):
    page = reader(java_script_enabled=False, viewport=PHONE)
    for name in pages:
        page.goto(site + name)
        expect(page.locator("h1").first).to_be_visible()
        # The contents are not behind a button that does nothing.
        expect(page.locator(".book-nav")).to_be_visible()
        expect(page.locator(".book-menu")).to_be_hidden()


def test_every_control_outside_the_text_is_reached_and_used_by_keyboard(reader, site):
    page = reader(viewport=PHONE)
    page.goto(site + "index.html")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the text")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.goto(site + "index.html")
    menu = page.get_by_role("button", name="Contents of the book")
    expect(page.locator(".book-nav")).to_be_hidden()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(menu).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".book-nav")).to_be_visible()
    expect(menu).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("Escape")
    expect(page.locator(".book-nav")).to_be_hidden()
    expect(menu).to_be_focused()


def test_the_choice_of_colours_is_kept_from_page_to_page(reader, site):
    page = reader(color_scheme="light")
    page.goto(site + "index.html")
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    button = page.get_by_role("button", name="Dark colours")
    expect(button).to_have_attribute("aria-pressed", "false")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    page.goto(site + "glossary.html")
    assert page.evaluate(background) != light
    expect(button).to_have_attribute("aria-pressed", "true")


def test_search_finds_a_term_from_the_header_of_any_page(reader, site):
    page = reader()
    page.goto(site + "reference/models.html")
    page.get_by_role("searchbox", name="Search the book").fill("changeover")
    page.keyboard.press("Enter")
    result = page.locator("#search-results").get_by_role("link", name="Glossary")
    expect(result.first).to_be_visible()
    result.first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Glossary")


def test_no_command_in_a_table_is_broken_within_a_word_on_a_phone(reader, site):
    page = reader(viewport=PHONE)
    page.goto(site + "teach/grading.html")
    assert (
        page.evaluate("[...document.querySelectorAll('.table-box')].filter(e => e.scrollWidth > e.clientWidth)") == []
    )
    broken = page.evaluate(
        """() => [...document.querySelectorAll('td code')].flatMap(code => {
            const walk = document.createTreeWalker(code, NodeFilter.SHOW_TEXT), found = [];
            while (walk.nextNode())
                for (const word of walk.currentNode.data.matchAll(/[^\\s-]+/g)) {
                    const range = new Range();
                    range.setStart(walk.currentNode, word.index);
                    range.setEnd(walk.currentNode, word.index + word[0].length);
                    if (new Set([...range.getClientRects()].map(box => box.top)).size > 1) found.push(word[0]);
                }
            return found;
        })"""
    )
    assert broken == []


def test_touch_targets_are_large_enough_on_a_phone(reader, site, pages):
    page = reader(viewport=PHONE, has_touch=True, is_mobile=True)
    small = []
    for name in pages:
        page.goto(site + name)
        small += page.evaluate(
            """name => [...document.querySelectorAll('button, summary, input:not([type=range]), select, .book-title')]
            .map(e => e.closest('label') ?? e)
            .filter(e => e.checkVisibility() && e.getBoundingClientRect().height < 43.9)
            .map(e => `${name}: ${e.outerHTML.slice(0, 120)} ${e.getBoundingClientRect().height}`)""",
            name,
        )
    assert small == []
