// Sets formulas with KaTeX: each line of JSON that comes in is answered by one line of JSON.

import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const { default: katex } = await import(pathToFileURL(process.argv[2]));

for await (const line of createInterface({ input: process.stdin })) {
  const { latex, display } = JSON.parse(line);
  let answer;
  try {
    answer = { html: katex.renderToString(latex, { displayMode: display, strict: "error", throwOnError: true }) };
  } catch (fault) {
    answer = { fault: fault.message };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
