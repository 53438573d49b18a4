// Asks the worker, in order; starts it once; and says in a sentence when Python cannot be had.

const PATIENCE = 90_000; // ms for a slow line to fetch Python
const SORRY = "Python could not start in this browser, so this figure stays as it was printed. The page can be read without it.";

export class Engine {
  #make;
  #worker = null;
  #ready = null;
  #waiting = new Map();
  #last = 0;
  #prepared = new Set();

  constructor(makeWorker) {
    this.#make = makeWorker;
  }

  start() {
    this.#ready ??= new Promise((resolve, reject) => {
      const give_up = (why) => {
        console.warn(`The explorer could not start Python: ${why}`);
        const error = new Error(SORRY);
        for (const { reject: refuse } of this.#waiting.values()) refuse(error);
        this.#waiting.clear();
        this.#worker?.terminate();
        reject(error);
      };
      const clock = setTimeout(() => give_up("it took too long"), PATIENCE);
      try {
        this.#worker = this.#make();
      } catch (failure) {
        clearTimeout(clock);
        return give_up(failure);
      }
      this.#worker.onerror = (event) => {
        event.preventDefault?.();
        clearTimeout(clock);
        give_up(event.message ?? "the worker failed");
      };
      this.#worker.onmessage = ({ data }) => {
        if (data.ready) {
          clearTimeout(clock);
          performance.mark?.("moi-python-ready");
          resolve();
        } else if (data.failed) {
          clearTimeout(clock);
          give_up(data.failed);
        } else {
          const asked = this.#waiting.get(data.id);
          this.#waiting.delete(data.id);
          if ("broken" in data) asked?.reject(new Error(`The model failed: ${data.broken}`));
          else asked?.resolve(JSON.parse(data.answer));
        }
      };
    });
    this.#ready.catch(() => {}); // told to whoever asks
    return this.#ready;
  }

  // Fetches `part` ahead of the question that needs it. What fails here fails again, and is told, when it is asked for.
  async prepare(part) {
    if (this.#prepared.has(part)) return;
    this.#prepared.add(part);
    await this.start().then(() => this.#worker.postMessage({ prepare: part }), () => {});
  }

  async ask(request) {
    await this.start();
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, request: JSON.stringify(request) });
    });
  }
}
