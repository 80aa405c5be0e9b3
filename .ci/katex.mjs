// Parses every formula of the given Markdown files, strictly, as GitHub delimits them.
import { readFileSync } from "node:fs";
import katex from "katex";

let count = 0;
for (const file of process.argv.slice(2)) {
  const text = readFileSync(file, "utf8");
  const found = [
    ...[...text.matchAll(/^ *```math\n([\s\S]*?)^ *```$/gm)].map((m) => [m[1], true]),
    ...[...text.matchAll(/\$`(.*?)`\$/g)].map((m) => [m[1], false]),
  ];
  if (found.length === 0) throw new Error(`${file}: no formulas`);
  for (const [formula, displayMode] of found) {
    try {
      katex.renderToString(formula, { displayMode, throwOnError: true, strict: "error" });
    } catch (error) {
      console.error(`${file}: ${error.message}\n${formula}`);
      process.exit(1);
    }
    count += 1;
  }
}
console.log(`${count} formulas parse`);
