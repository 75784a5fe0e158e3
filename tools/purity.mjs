// What a pure floor must not touch although it needs no import: clocks, chance, timers, the process, promises. Read from the
// syntax tree, so that a comment, a string or a property of the same name (`options.process`) is no offence.
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { EXCEPTIONS, isPure, PORTS } from "./house.mjs";

/** Globals that know the time, chance, the machine, or run something later. */
const FORBIDDEN = new Set(
  `Date Temporal performance Intl crypto setTimeout setInterval setImmediate clearTimeout clearInterval clearImmediate
  queueMicrotask requestAnimationFrame Promise AsyncIterator process Buffer require module global globalThis window self
  console fetch WebSocket XMLHttpRequest Worker MessageChannel BroadcastChannel navigator WeakRef FinalizationRegistry
  SharedArrayBuffer Atomics eval Function`.split(/\s+/),
);
// A type needs no global at run time, so only those that bring time or asynchrony into a signature count.
const FORBIDDEN_TYPES = new Set([
  "Promise",
  "PromiseLike",
  "AsyncIterable",
  "AsyncIterator",
  "AsyncGenerator",
  "Buffer",
  "Date",
]);

/**
 * @param {string} root folder that holds src/
 * @returns {{ problems: string[], files: number }} each problem is one line with its place
 */
export function checkPurity(root) {
  const files = globSync("src/**/*.ts", { cwd: root }).map((file) => file.replaceAll("\\", "/"));
  const pure = files.filter(isPure).sort();
  const problems = pure.flatMap((file) => impurities(file, readFileSync(join(root, file), "utf8")));
  return { problems, files: pure.length };
}

/**
 * @param {string} file name for the messages
 * @param {string} text TypeScript source
 * @returns {string[]} one line for each offence
 */
export function impurities(file, text) {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const problems = [];
  const excepted = EXCEPTIONS[file] ?? [];
  const used = new Set();
  const report = (node, what) => {
    const { line, character } = source.getLineAndCharacterOfPosition(node.getStart(source));
    problems.push(`${file}:${line + 1}:${character + 1}: ${what} has no place on a pure floor: take it as an input`);
  };
  const visit = (node) => {
    if (ts.isIdentifier(node)) {
      if (ts.isTypeReferenceNode(node.parent) || ts.isExpressionWithTypeArguments(node.parent)) {
        if (FORBIDDEN_TYPES.has(node.text) && file !== PORTS) report(node, node.text);
      } else if (FORBIDDEN.has(node.text) && !isJustAName(node)) {
        if (excepted.includes(node.text)) used.add(node.text);
        else report(node, node.text);
      }
    } else if (ts.isPropertyAccessExpression(node)) {
      if (node.expression.getText(source) === "Math" && node.name.text === "random") report(node, "Math.random");
    } else if (ts.isElementAccessExpression(node)) {
      if (node.expression.getText(source) === "Math") report(node, "Math[...]");
    } else if (ts.isVariableDeclaration(node)) {
      if (node.initializer?.getText(source) === "Math") report(node, "an alias of Math");
    } else if (ts.isAwaitExpression(node) || (ts.isForOfStatement(node) && node.awaitModifier !== undefined)) {
      report(node, "await");
    } else if (node.kind === ts.SyntaxKind.AsyncKeyword) {
      report(node, "async");
    } else if (node.kind === ts.SyntaxKind.ImportKeyword && ts.isCallExpression(node.parent)) {
      report(node, "import()");
    } else if (ts.isMetaProperty(node) && node.keywordToken === ts.SyntaxKind.ImportKeyword) {
      report(node, "import.meta");
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  for (const name of excepted) {
    if (!used.has(name)) problems.push(`${file}: no longer uses ${name}, take the exception out of tools/house.mjs`);
  }
  return problems;
}

/** Whether the identifier names a member, a label or the like and so does not reach for a global. */
function isJustAName(node) {
  const parent = node.parent;
  if (ts.isPropertyAccessExpression(parent) || ts.isMetaProperty(parent)) return parent.name === node;
  if (ts.isQualifiedName(parent)) return parent.right === node;
  if (ts.isShorthandPropertyAssignment(parent)) return false;
  if (ts.isBindingElement(parent)) return parent.propertyName === node;
  return (
    (ts.isClassElement(parent) || ts.isTypeElement(parent) || ts.isObjectLiteralElementLike(parent)) &&
    parent.name === node
  );
}
