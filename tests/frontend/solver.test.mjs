// HiGHS as the page has it solves the plan's own programme: the published optimum, and a plan that keeps every limit.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import loadHighs from "highs";
import { port } from "../../src/moi/explore/frontend/solver.js";

const PYTHON = new URL("../../.venv/bin/python", import.meta.url).pathname;
const OPTIONS = JSON.stringify({ output_flag: false, parallel: "off", mip_rel_gap: 0 });
const solver = port(await loadHighs());
const solve = (programme) => JSON.parse(solver.solve(programme, OPTIONS));

function programme(whole) {
  const code = `from moi.models import get; print(get("sales_operations_plan")(whole_workers=${whole ? "True" : "False"}).programme())`;
  return execFileSync(PYTHON, ["-c", code], { encoding: "utf-8" });
}

for (const [whole, cost] of [[false, 422_275], [true, 422_660]]) {
  test(`the Red Tomato plan in ${whole ? "whole" : "fractional"} workers costs ${cost}`, () => {
    const found = solve(programme(whole));
    assert.equal(found.status, "Optimal");
    assert.ok(Math.abs(found.value - cost) < 1e-6, String(found.value));
    const of = (name, month) => found.variables[`${name}_${month}`];
    [1600, 3000, 3200, 3800, 2200, 2200].forEach((demand, i) => {
      const t = i + 1;
      const short = of("stock", i) - of("backlog", i) + of("produced", t) + of("subcontracted", t) - of("stock", t) + of("backlog", t) - demand;
      assert.ok(Math.abs(short) < 1e-6);
      assert.ok(4 * of("produced", t) <= 160 * of("workers", t) + of("overtime", t) + 1e-6);
      assert.ok(of("overtime", t) <= 10 * of("workers", t) + 1e-6);
      assert.ok(Math.abs(of("workers", t) - of("workers", i) - of("hired", t) + of("laid_off", t)) < 1e-6);
      if (whole) for (const name of ["workers", "produced", "subcontracted"]) assert.ok(Math.abs(of(name, t) - Math.round(of(name, t))) < 1e-6);
    });
    assert.ok(of("stock", 6) >= 500 - 1e-6 && of("backlog", 6) === 0);
    assert.equal(Object.keys(found.prices).length, whole ? 0 : 24);
  });
}

test("what has no optimum is a status, and what is no programme says so", () => {
  assert.equal(solve("Minimize\n x\nSubject To\n a: x >= 2\n b: x <= 1\nEnd\n").status, "Infeasible");
  assert.equal(solve("Maximize\n x\nSubject To\n a: x >= 2\nEnd\n").status, "Unbounded");
  assert.match(solve("Minimize\n 3 <= >= x\nEnd\n").unreadable, /cannot be solved/);
});
