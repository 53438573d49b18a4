// What a reader types becomes a value, or is passed on as typed for the model to answer.
import assert from "node:assert/strict";
import { test } from "node:test";
import { brief, list, number } from "../../src/moi/explore/frontend/controls.js";

test("a number may be written with spaces and a minus sign", () => {
  assert.equal(number(" 154\u00a0783 "), 154783);
  assert.equal(number("−0.3"), -0.3);
  assert.equal(number("1e3"), 1000);
});

test("a number may be written with thousands, a pound sign or a percent sign", () => {
  assert.equal(number("1,000"), 1000);
  assert.equal(number("-1,234,567.5"), -1234567.5);
  assert.equal(number("£5"), 5);
  assert.equal(number("−£5.50"), -5.5);
  assert.equal(number("20 %"), 0.2);
  assert.equal(number("£"), null);
});

test("text that is no number stays text, so that the model can quote it", () => {
  assert.equal(number("twelve"), "twelve");
  assert.equal(number("12,5"), "12,5");
  assert.equal(number("0,125"), "0,125");
  assert.equal(number("%"), "%");
  assert.equal(number("Infinity"), "Infinity");
});

test("an empty box is no value, not zero", () => assert.equal(number("  "), null));

test("a list takes commas, semicolons, spaces and line breaks", () => {
  assert.deepEqual(list("1, 2;3\n4  5,"), [1, 2, 3, 4, 5]);
  assert.deepEqual(list("1, x"), [1, "x"]);
  assert.equal(list(" \n"), null);
});

test("a box shows four digits; no value shows nothing", () => {
  assert.equal(brief(81.06666666), "81.07");
  assert.equal(brief(200000), "200000");
  assert.equal(brief(null), "");
});
