// `npm run floors`: fails when an arrow points up, when a pure floor reaches for the world, and when there was nothing
// to check.
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { checkArrows } from "./arrows.mjs";
import { checkPurity } from "./purity.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const arrows = await checkArrows(root);
const purity = checkPurity(root);
const problems = [...arrows.problems, ...purity.problems];
if (purity.files === 0) problems.push("not one file of a pure floor was found");
for (const problem of problems) console.error(problem);
console.log(
  `floors: ${arrows.modules} modules, ${arrows.arrows} arrows, ${purity.files} pure files, ${problems.length} problems`,
);
process.exitCode = problems.length > 0 ? 1 : 0;
