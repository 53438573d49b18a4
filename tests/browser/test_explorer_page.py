"""The explorer on a page of the built book: what a reader sees and does, with mouse, finger and keyboard."""

import json

import pytest
from playwright.sync_api import expect

from moi.explore.answering import answer

VARIETY = "orientation/common-aims.html"
FORECAST = "planning/tactical-forecasting.html"
PLAN = "planning/sales-and-operations-planning.html"
PAGES = {
    "availability": "operational/trade-offs.html",
    "mechanisms": "integration/practical-mechanisms.html",
    "price_leadtime": "strategic/does-integration-pay.html",
    "sales_operations_plan": PLAN,
    "seasonal_forecast": FORECAST,
    "variety": VARIETY,
}


@pytest.fixture
def variety(page, site):
    page.goto(site + VARIETY)
    figure = page.locator(".moi-explorer[data-model=variety]").first
    expect(figure).to_have_class("moi-explorer moi-live")
    return figure


def told(figure, measure):
    return figure.locator(f".moi-results [data-measure={measure}]")


def test_figure_reads_without_a_script(browser, site):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(site + VARIETY)
    figure = page.locator(".moi-explorer[data-model=variety]").first
    at_start = answer({"model": "variety", "values": {}})
    expect(told(figure, "profit")).to_have_text(at_start["texts"]["profit"])
    expect(figure.locator(".moi-summary")).to_have_text(at_start["summary"])
    expect(figure.locator(".moi-chart svg").first).to_be_visible()
    expect(figure.get_by_label("Flavours offered", exact=True)).to_be_disabled()
    figure.get_by_text("The numbers behind the chart").click()
    expect(figure.locator(".moi-tables tbody tr")).to_have_count(60)
    context.close()


def test_python_starts_while_the_reader_reads(page, site):
    page.goto(site + VARIETY)
    page.wait_for_function("performance.getEntriesByName('moi-python-ready').length > 0")


def test_moving_a_lever_changes_results_chart_summary_and_table(variety):
    line = variety.locator(".moi-chart svg path[stroke-width='2.5']").first
    variety.get_by_label("Cost of a changeover", exact=True).fill("100")
    variety.get_by_label("Cost of a changeover", exact=True).press("Enter")
    wanted = answer({"model": "variety", "values": {"setup_cost": 100}})
    expect(told(variety, "profit")).to_have_text(wanted["texts"]["profit"])
    expect(variety.locator(".moi-summary")).to_have_text(wanted["summary"])
    before = line.get_attribute("d")
    variety.get_by_text("The numbers behind the chart").click()
    expect(variety.locator(".moi-tables tbody tr").first).to_contain_text("1")
    variety.get_by_label("Flavours offered, slider").fill("20")
    expect(told(variety, "profit")).to_have_text(
        answer({"model": "variety", "values": {"setup_cost": 100, "variants": 20}})["texts"]["profit"]
    )
    assert line.get_attribute("d") == before, "revenue, cost and profit curves do not depend on the flavours offered"
    rule = variety.locator(".moi-chart svg g.mark-rule.role-mark line")
    expect(rule).to_have_count(1)


def test_numbers_behind_the_chart_follow_the_levers_in_the_readers_words(variety):
    table = variety.locator(".moi-tables table")
    printed = table.locator("thead th").all_text_contents()
    variety.get_by_text("The numbers behind the chart").click()
    assert printed[0] == "Flavours offered" and "Revenue, £/year" in printed
    for cost in (100, 250):
        variety.get_by_label("Cost of a changeover", exact=True).fill(str(cost))
        variety.get_by_label("Cost of a changeover", exact=True).press("Enter")
        (wanted,) = answer({"model": "variety", "values": {"setup_cost": cost}, "written": True})["written"]
        expect(table.locator("tbody tr").last.locator("th, td")).to_have_text(wanted["rows"][-1])
        expect(table.locator("thead th")).to_have_text(wanted["head"])
    assert wanted["head"] == printed


@pytest.mark.parametrize("model", PAGES)
def test_the_live_chart_draws_what_the_printed_one_drew(page, site, model):
    page.goto(site + PAGES[model])
    figure = page.locator(f".moi-explorer[data-model={model}]").first
    drawn = ".role-mark:is(.mark-line, .mark-rect, .mark-rule, .mark-symbol) > *"
    printed = figure.locator(".moi-drawn.moi-wide").locator(drawn).count()
    assert printed > 1
    figure.get_by_role("button", name="Reset").click()
    expect(figure.locator(".moi-drawn")).to_have_count(0)
    expect(figure.locator(".moi-canvas").locator(drawn)).to_have_count(printed)


@pytest.mark.parametrize("how", ["mouse", "keyboard"])
def test_the_solver_is_fetched_when_its_figure_is_touched_and_not_before(page, site, how):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(site + PLAN)
    page.wait_for_function("performance.getEntriesByName('moi-python-ready').length > 0")
    assert not [url for url in asked if "/highs/" in url]
    figure = page.locator(".moi-explorer[data-model=sales_operations_plan]").first
    with page.expect_request("**/highs/highs.wasm"):
        if how == "mouse":
            figure.hover()
        else:
            figure.get_by_label("Month of the promotion, slider").focus()
    figure.get_by_label("Month of the promotion, slider").fill("2")
    wanted = answer({"model": "sales_operations_plan", "values": {"promotion_month": 2}})["texts"]["profit"]
    expect(told(figure, "profit")).to_have_text(wanted)
    assert len([url for url in asked if url.endswith("highs.wasm")]) == 1


def test_a_page_without_a_solver_model_never_fetches_the_solver(page, site, variety):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    variety.hover()
    variety.get_by_label("Flavours offered, slider").fill("21")
    wanted = answer({"model": "variety", "values": {"variants": 21}})["texts"]["profit"]
    expect(told(variety, "profit")).to_have_text(wanted)
    assert any("/pyodide/" in url for url in asked) or page.evaluate(
        "performance.getEntriesByName('moi-python-ready').length"
    )
    assert not [url for url in asked if "/highs/" in url]


def test_sliders_and_buttons_work_with_the_keyboard_alone(page, variety):
    slider = variety.get_by_label("Flavours offered, slider")
    slider.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(variety.get_by_label("Flavours offered", exact=True)).to_have_value("14")
    expect(slider).to_have_attribute("aria-valuetext", "14 flavours")
    reached = ""
    for _ in range(60):
        page.keyboard.press("Tab")
        reached += page.evaluate("document.activeElement.textContent + '|'")
    for name in ("Marketing alone", "Operations alone", "Apart", "Together", "Reset", "All results", "Show as Python"):
        assert name in reached
    variety.get_by_role("button", name="Together").focus()
    page.keyboard.press("Enter")
    expect(variety.locator(".moi-gap")).to_contain_text("£29\u00a0605 a\u00a0year")


@pytest.mark.parametrize("state", ["marketing", "operations", "apart", "together"])
def test_each_question_moves_the_levers_and_shows_the_gap(variety, state):
    variety.locator(f"button[data-state={state}]").click()
    comparison = answer({"model": "variety", "values": {}, "compare": True})["comparison"]
    row = next(row for row in comparison["rows"] if row["state"] == state)
    expect(told(variety, "profit")).to_have_text(row["texts"][2])
    expect(variety.locator(".moi-chosen td")).to_have_text(row["texts"])
    expect(variety.locator(".moi-gap strong")).to_have_text(comparison["gap"])
    expect(variety.locator(".moi-ended")).to_contain_text("flavours offered")


def test_the_first_comparison_comes_with_the_page_and_a_later_one_is_searched_for(page, site):
    printed = answer({"model": "variety", "values": {}, "compare": True})["comparison"]["gap"]

    def marked(route):
        answered = route.fetch()
        route.fulfill(response=answered, body=answered.text().replace(f'"gap":"{printed}"', '"gap":"as printed"'))

    page.route("**/common-aims.html", marked)
    page.goto(site + VARIETY)
    figure = page.locator(".moi-explorer[data-model=variety]").first
    figure.get_by_role("button", name="Together").click()
    expect(figure.locator(".moi-gap strong")).to_have_text("as printed")
    expect(told(figure, "profit")).to_have_text("£154\u00a0783")
    figure.get_by_text("values that both sides take as given").click()
    figure.get_by_label("Price", exact=True).fill("4")
    figure.get_by_label("Price", exact=True).press("Enter")
    figure.get_by_role("button", name="Apart").click()
    # From the levers as Together left them.
    found = answer({"model": "variety", "values": {}, "compare": True})["comparison"]
    left = next(row["values"] for row in found["rows"] if row["state"] == "together")
    later = answer({"model": "variety", "values": left | {"price": 4}, "compare": True})["comparison"]
    expect(figure.locator(".moi-gap strong")).to_have_text(later["gap"])
    expect(figure.locator(".moi-chosen td")).to_have_text(later["rows"][2]["texts"])


def test_reset_brings_the_first_state_back(page, variety):
    variety.get_by_label("Flavours offered, slider").fill("3")
    expect(told(variety, "profit")).not_to_have_text(answer({"model": "variety", "values": {}})["texts"]["profit"])
    variety.get_by_role("button", name="Reset").click()
    expect(told(variety, "profit")).to_have_text(answer({"model": "variety", "values": {}})["texts"]["profit"])
    page.wait_for_function("location.search === ''")


def test_a_shared_address_opens_in_its_state(page, site, variety):
    variety.locator("button[data-state=together]").click()
    page.wait_for_function("location.search.includes('variety.setup_cost')")
    address = page.evaluate("location.href")
    page.goto("about:blank")
    page.goto(address)
    expect(told(page.locator(".moi-explorer[data-model=variety]").first, "profit")).to_have_text("£154\u00a0783")


def test_refused_value_is_named_and_what_was_typed_stays(variety):
    box = variety.get_by_label("Flavours offered", exact=True)
    box.fill("a dozen")
    box.press("Enter")
    expect(variety.get_by_role("alert")).to_have_text(
        "Flavours offered must be a whole number from 1 to 60 flavours; got 'a dozen'."
    )
    expect(box).to_have_value("a dozen")
    box.fill("13")
    box.press("Enter")
    expect(variety.get_by_role("alert")).to_be_hidden()
    expect(told(variety, "profit")).to_have_text(
        answer({"model": "variety", "values": {"variants": 13}})["texts"]["profit"]
    )


def test_refused_setting_is_brought_into_view(variety):
    variety.get_by_text("values that both sides take as given").click()
    variety.get_by_label("Price", exact=True).fill("-1")
    variety.get_by_label("Price", exact=True).press("Enter")
    expect(variety.get_by_role("alert")).to_contain_text("Price must be a number above 0")


def test_python_shown_gives_the_state_of_the_figure(variety):
    variety.get_by_label("Flavours offered, slider").fill("21")
    variety.get_by_text("Show as Python").click()
    code = variety.locator(".moi-python code")
    expect(code).to_contain_text('explore("variety", variants=21)')


def test_readers_may_bring_their_own_numbers(page, site):
    page.goto(site + FORECAST)
    figure = page.locator(".moi-explorer[data-model=seasonal_forecast]").last
    figure.get_by_text("values that both sides take as given").click()
    figure.get_by_label("Series", exact=True).select_option("")
    own = figure.get_by_label("your own numbers")
    own.fill("1, 2, 3")
    own.blur()
    expect(figure.get_by_role("alert")).to_contain_text("Series has 3 periods, but needs at least 36")
    sold = [round(100 + t + 40 * ((t % 12) in (5, 6, 7)), 1) for t in range(48)]
    own.fill("\n".join(map(str, sold)))
    own.blur()
    state = {"series": sold}
    expect(told(figure, "mismatch_cost")).to_have_text(
        answer({"model": "seasonal_forecast", "values": state})["texts"]["mismatch_cost"]
    )


def test_a_page_whose_python_is_blocked_says_so_and_stays_readable(page, site):
    page.route("**/pyodide/**", lambda route: route.abort())
    page.goto(site + VARIETY)
    figure = page.locator(".moi-explorer[data-model=variety]").first
    figure.get_by_label("Flavours offered, slider").fill("20")
    expect(figure.get_by_role("status")).to_contain_text("Python could not start in this browser")
    expect(told(figure, "profit")).to_have_text(answer({"model": "variety", "values": {}})["texts"]["profit"])
    expect(figure.get_by_label("Flavours offered", exact=True)).to_be_disabled()


def test_a_lost_snapshot_only_costs_time(page, site):
    page.route("**/snapshot.bin.gz", lambda route: route.fulfill(status=404))
    page.goto(site + VARIETY)
    figure = page.locator(".moi-explorer[data-model=variety]").first
    figure.get_by_label("Flavours offered, slider").fill("21")
    wanted = answer({"model": "variety", "values": {"variants": 21}})["texts"]["profit"]
    expect(told(figure, "profit")).to_have_text(wanted)


def test_fast_moves_end_at_the_newest_value(page, variety):
    slider = variety.get_by_label("Flavours offered, slider")
    slider.evaluate(
        """(slider) => {
            for (let n = 1; n <= 60; n++) {
                slider.value = n;
                slider.dispatchEvent(new Event("input", { bubbles: true }));
            }
        }"""
    )
    expect(told(variety, "profit")).to_have_text(
        answer({"model": "variety", "values": {"variants": 60}})["texts"]["profit"]
    )


def test_nothing_below_the_chart_moves_when_numbers_change(page, variety):
    variety.get_by_label("Flavours offered, slider").fill("13")
    expect(told(variety, "profit")).to_have_text(
        answer({"model": "variety", "values": {"variants": 13}})["texts"]["profit"]
    )

    def below() -> float:
        """How far below the figure's top; the page itself may still be scrolling to the lever."""
        top = "element => element.getBoundingClientRect().y"
        return variety.evaluate(f"figure => ({top})(figure.querySelector('.moi-questions')) - ({top})(figure)")

    place = below()
    for n in (1, 30, 60):
        variety.get_by_label("Flavours offered, slider").fill(str(n))
        wanted = answer({"model": "variety", "values": {"variants": n}})["texts"]["profit"]
        expect(told(variety, "profit")).to_have_text(wanted)
        assert abs(below() - place) < 1


@pytest.mark.parametrize("width", [360, 390])
def test_on_a_phone_nothing_is_cut_off(browser, site, width):
    context = browser.new_context(viewport={"width": width, "height": 800}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(site + VARIETY)
    figure = page.locator(".moi-explorer[data-model=variety]").first
    figure.locator("button[data-state=together]").tap()
    expect(told(figure, "profit")).to_have_text("£154\u00a0783", timeout=60_000)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    box = figure.locator(".moi-comparison table").bounding_box()
    assert box["x"] + box["width"] <= width
    small = figure.locator("button:visible, summary:visible").evaluate_all(
        "all => all.filter(e => e.getBoundingClientRect().height < 44).map(e => e.textContent)"
    )
    assert small == []
    context.close()


@pytest.mark.parametrize("model", PAGES)
def test_on_a_phone_no_writing_of_a_chart_or_comparison_is_cut_off(browser, site, model):
    context = browser.new_context(viewport={"width": 360, "height": 800}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(site + PAGES[model])
    figure = page.locator(f".moi-explorer[data-model={model}]").first
    outside = """(figure, inside) => {
        const edge = figure.querySelector(inside).getBoundingClientRect();
        return [...figure.querySelectorAll(".moi-legend li, .moi-canvas text, .moi-comparison :is(th, td, caption)")]
            .filter((e) => e.checkVisibility() && e.textContent)
            .map((e) => [e.textContent, e.getBoundingClientRect()])
            .filter(([, box]) => box.left < edge.left - 1 || box.right > edge.right + 1)
            .map(([text]) => text);
    }"""
    assert figure.locator(".moi-legend li").count() > 2
    assert figure.evaluate(outside, ".moi-chart") == []
    figure.locator("button[data-state=together]").tap()
    expect(figure.locator(".moi-chosen")).to_be_visible(timeout=60_000)
    expect(figure.locator(".moi-drawn")).to_have_count(0)
    assert figure.evaluate(outside, ".moi-chart") == []
    context.close()


def test_link_copied_is_the_address_of_the_state(page, site, variety):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    variety.get_by_label("Flavours offered, slider").fill("21")
    expect(told(variety, "profit")).to_have_text(
        answer({"model": "variety", "values": {"variants": 21}})["texts"]["profit"]
    )
    variety.get_by_role("button", name="Copy a link").click()
    expect(variety.get_by_role("button", name="Link copied")).to_be_visible()
    link = page.evaluate("navigator.clipboard.readText()")
    assert "variety.variants=21" in link and json.dumps("#moi-variety")[1:-1] in link
