// Opens the page of a plan as a browser does, and says what it shows after each way of filtering.
//
// Input: {"page": path, "steps": [{"search": text, "by-stack": name, "by-kind": kind, "by-finding": rule}]} on stdin.
// Output: [{"stacks", "resources", "findings", "said"}] on stdout: the names of the stacks, how many resources, the rules
// of the findings that are shown, and what the page says of how many there are.

const fs = require("node:fs");
const { JSDOM } = require("jsdom");

const input = JSON.parse(fs.readFileSync(0, "utf8"));
const { window } = new JSDOM(fs.readFileSync(input.page, "utf8"), { runScripts: "dangerously", url: "file:///plan.html" });
const { document } = window;
const shown = (selector) => Array.from(document.querySelectorAll(selector)).filter((one) => !one.closest("[hidden]"));

(async () => {
  const answers = [];
  for (const step of input.steps) {
    for (const name of ["search", "by-stack", "by-kind", "by-finding"]) document.getElementById(name).value = step[name] ?? "";
    document.getElementById("filters").dispatchEvent(new window.Event("input"));
    await new Promise((resolve) => setTimeout(resolve, 200));
    answers.push({
      stacks: shown("details.stack").map((one) => one.dataset.stack),
      resources: shown("details.stack tr[data-kind]").length,
      findings: shown("#findings tbody tr").map((one) => one.dataset.rule),
      said: document.getElementById("shown").textContent,
    });
  }
  process.stdout.write(JSON.stringify(answers));
})();
