// Parses queries with Microsoft's own parser, against the schemas of the tables that they may use.
//
// Input: {"tables": {name: "(column: type, ...)"}, "queries": {name: text}} on stdin.
// Output: {name: [{"severity", "message", "at"}]} on stdout; `at` is what the parser stumbled over.

const fs = require("node:fs");
const path = require("node:path");
const vm = require("node:vm");

// The package is made for browsers: its scripts put their names into the global scope.
const folder = path.dirname(require.resolve("@kusto/language-service-next/package.json"));
for (const script of ["bridge.min.js", "Kusto.Language.Bridge.min.js"]) {
  vm.runInThisContext(fs.readFileSync(path.join(folder, script), "utf8"), { filename: script });
}

const { KustoCode, GlobalState, Symbols } = globalThis.Kusto.Language;
const input = JSON.parse(fs.readFileSync(0, "utf8"));
const tables = Object.entries(input.tables).map(([name, columns]) => Symbols.TableSymbol.From(columns).WithName(name));
const database = new Symbols.DatabaseSymbol.ctor("logs", tables);
const state = GlobalState.Default.WithDatabase(database);

const found = {};
for (const [name, text] of Object.entries(input.queries)) {
  const diagnostics = KustoCode.ParseAndAnalyze(text, state).GetDiagnostics();
  found[name] = [];
  for (let index = 0; index < diagnostics.Count; index++) {
    const { Severity, Message, Start, Length } = diagnostics.getItem(index);
    found[name].push({ severity: Severity, message: Message, at: text.slice(Start, Start + Length) });
  }
}
process.stdout.write(JSON.stringify(found));
