// Search and filters of the page of a plan. Without JavaScript the form stays hidden and everything is shown.
"use strict";
const all = (selector, within) => Array.from((within || document).querySelectorAll(selector));
const field = (name) => document.getElementById(name);
const stacks = all("details.stack"), rules = all("#findings article");
const rows = stacks.map((stack) => all("tr[data-kind]", stack));
const fill = (name, values) => Array.from(new Set(values)).sort().forEach((value) => field(name).add(new Option(value, value)));
fill("by-stack", stacks.map((stack) => stack.dataset.stack));
fill("by-kind", rows.flat().map((row) => row.dataset.kind));
fill("by-finding", rules.map((rule) => rule.dataset.rule));

function show() {
  const words = field("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const stack = field("by-stack").value, kind = field("by-kind").value, rule = field("by-finding").value;
  const has = (element) => words.every((word) => element.textContent.toLowerCase().includes(word));
  const narrowed = Boolean(words.length || kind || rule || stack);
  let shown = 0;
  stacks.forEach((section, index) => {
    const mine = !stack || section.dataset.stack === stack;
    const named = words.length && has(section.querySelector("summary"));
    let fitting = 0;
    for (const row of rows[index]) {
      const fits = mine && (!kind || row.dataset.kind === kind)
        && (!rule || row.dataset.rules.split(" ").includes(rule)) && (named || has(row));
      row.hidden = !fits;
      fitting += fits;
    }
    section.hidden = narrowed && !fitting;
    if (narrowed && fitting && stacks.length <= 50) section.open = true;
    shown += fitting;
  });
  for (const article of rules) {
    const heading = has(article.querySelector("h3"));
    let fitting = 0;
    for (const entry of all("li[data-stack]", article)) {
      const fits = (!stack || entry.dataset.stack === stack) && (heading || has(entry));
      entry.hidden = !fits;
      fitting += fits;
    }
    article.hidden = !fitting || Boolean(rule && article.dataset.rule !== rule);
  }
  field("shown").textContent = narrowed ? `${shown} resource${shown === 1 ? "" : "s"}` : "";
}

let timer;
field("filters").addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(show, 120); });
field("filters").addEventListener("submit", (event) => event.preventDefault());
const asked = new URLSearchParams(location.hash.slice(1));
for (const [key, name] of [["search", "search"], ["stack", "by-stack"], ["kind", "by-kind"], ["finding", "by-finding"]])
  if (asked.get(key)) field(name).value = asked.get(key);
if (stacks.length && stacks.length <= 3) stacks.forEach((stack) => { stack.open = true; });
field("filters").hidden = false;
show();
