// One worker, started once; every question gets its own answer; a failure is told to whoever waits.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Engine } from "../../src/moi/explore/frontend/engine.js";

class FakeWorker {
  asked = [];
  constructor() {
    FakeWorker.made.push(this);
  }
  static made = [];
  postMessage(message) {
    this.asked.push(message);
  }
  terminate() {
    this.ended = true;
  }
  say(data) {
    this.onmessage({ data });
  }
}

function engine() {
  FakeWorker.made = [];
  return new Engine(() => new FakeWorker());
}
const settle = () => new Promise((resolve) => setTimeout(resolve));

test("answers find their questions in any order", async () => {
  const python = engine();
  const answers = Promise.all([python.ask({ model: "a" }), python.ask({ model: "b" })]);
  const [worker] = FakeWorker.made;
  worker.say({ ready: true });
  await settle();
  assert.deepEqual(worker.asked.map((m) => JSON.parse(m.request).model), ["a", "b"]);
  worker.say({ id: worker.asked[1].id, answer: '{"of":"b"}' });
  worker.say({ id: worker.asked[0].id, answer: '{"of":"a"}' });
  assert.deepEqual(await answers, [{ of: "a" }, { of: "b" }]);
  assert.equal(FakeWorker.made.length, 1);
});

test("a worker that cannot start says so in a sentence, once and later", async () => {
  const python = engine();
  const first = python.ask({});
  FakeWorker.made[0].say({ failed: "no memory" });
  await assert.rejects(first, /Python could not start in this browser/);
  await assert.rejects(python.ask({}), /Python could not start in this browser/);
  assert.equal(FakeWorker.made[0].ended, true);
});

test("a browser without module workers says so too", async () => {
  const python = new Engine(() => {
    throw new TypeError("not supported");
  });
  await assert.rejects(python.ask({}), /Python could not start/);
});

test("a model that breaks fails its own question and leaves the next one be", async () => {
  const python = engine();
  const [bad, good] = [python.ask({}), python.ask({})];
  const [worker] = FakeWorker.made;
  worker.say({ ready: true });
  await settle();
  worker.say({ id: worker.asked[0].id, broken: "ZeroDivisionError" });
  worker.say({ id: worker.asked[1].id, answer: "{}" });
  await assert.rejects(bad, /The model failed: ZeroDivisionError/);
  assert.deepEqual(await good, {});
});

test("what is fetched ahead is asked for once, after Python has started, and is no question", async () => {
  const python = engine();
  python.prepare("solver");
  python.prepare("solver");
  const [worker] = FakeWorker.made;
  await settle();
  assert.deepEqual(worker.asked, []);
  worker.say({ ready: true });
  await settle();
  assert.deepEqual(worker.asked, [{ prepare: "solver" }]);
});

test("fetching ahead where Python cannot start breaks nothing", async () => {
  const python = engine();
  const prepared = python.prepare("solver");
  FakeWorker.made[0].say({ failed: "no memory" });
  await prepared;
  assert.deepEqual(FakeWorker.made[0].asked, []);
});
