"""The search behind *apart* and *together*: natively, and in the worker of the book's page."""

from __future__ import annotations

import json
import time
from pathlib import Path

from playwright.sync_api import Browser

from bench import Table, fresh_page
from moi.explore.answering import answer_json
from moi.models import all_models

TIMES = 20

ASK = """async ([request, times]) => {
    const worker = new Worker("_static/moi/worker.js", { type: "module" });
    const answered = () => new Promise((resolve, reject) => {
        worker.onerror = () => reject(new Error("the worker did not start"));
        worker.onmessage = ({ data }) =>
            data.ready || data.answer ? resolve(data) : reject(new Error(data.failed ?? data.broken));
    });
    await answered();
    const taken = [];
    for (let id = 0; id < times + 2; id++) {
        const start = performance.now();
        const waiting = answered();
        worker.postMessage({ id, request });
        if ("error" in JSON.parse((await waiting).answer)) throw new Error("refused: " + request);
        taken.push(performance.now() - start);
    }
    worker.terminate();
    return taken.slice(2);
}"""


def measure(browser: Browser, site: str, work: Path, less: int) -> Table:
    """The same request as a press of *together* makes, answered by the same Python source in both."""
    table = Table(
        "Comparing the two sides", "ms", "The request of the four buttons, at the defaults. Ratio to the native run."
    )
    count = TIMES // less
    with fresh_page(browser) as page:
        page.goto(site + "index.html")
        for name in all_models():
            request = json.dumps({"model": name, "values": {}, "compare": True})
            native = []
            for _ in range(count + 2):
                start = time.perf_counter()
                answer_json(request)
                native.append(1000 * (time.perf_counter() - start))
            reference = table.add(f"{name}: native", native[2:])
            table.add(f"{name}: in the page", page.evaluate(ASK, [request, count]), reference)
    return table
