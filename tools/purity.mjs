// What a pure floor must not touch although it needs no import: clocks, chance, timers, the process, promises. Rooms that
// know the world through the ports may wait for promises, nothing else of it. Read from the syntax tree, so that a comment,
// a string or a property of the same name (`options.process`) is no offence.
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { EXCEPTIONS, isPure, isThroughPorts, PORTS } from "./house.mjs";

/** Globals that know the time, chance, the machine, or run something later. */
const FORBIDDEN = new Set(
  `Date Temporal performance Intl crypto setTimeout setInterval setImmediate clearTimeout clearInterval clearImmediate
  queueMicrotask requestAnimationFrame Promise AsyncIterator process Buffer require module global globalThis window self
  console fetch WebSocket XMLHttpRequest Worker MessageChannel BroadcastChannel navigator WeakRef FinalizationRegistry
  SharedArrayBuffer Atomics eval Function`.split(/\s+/),
);
/** Of these, what rooms behind the ports may use: to wait for the world is not to reach for it. */
const WAITING = new Set(["Promise", "AsyncIterator"]);
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
  const ported = files.filter(isThroughPorts).sort();
  const text = (file) => readFileSync(join(root, file), "utf8");
  const problems = [
    ...pure.flatMap((file) => impurities(file, text(file))),
    ...ported.flatMap((file) => bypasses(file, text(file))),
  ];
  return { problems, files: pure.length };
}

/**
 * What a room behind the ports does past them. A name that the file declares itself (a parameter `process`) is its own.
 *
 * @param {string} file name for the messages
 * @param {string} text TypeScript source
 * @returns {string[]} one line for each offence
 */
export function bypasses(file, text) {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const problems = [];
  const own = declaredIn(source);
  const visit = (node) => {
    const what = globalOf(node, source);
    if (what !== null && !WAITING.has(what) && !own.has(what) && !(EXCEPTIONS[file] ?? []).includes(what)) {
      const place = placeOf(node, source);
      problems.push(`${file}:${place}: ${what} goes past the ports of environment.ts: take what it gives from there`);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return problems;
}

/** Names that are bound somewhere in the file. */
function declaredIn(source) {
  const names = new Set();
  const visit = (node) => {
    const binds = ts.isVariableDeclaration(node) || ts.isParameter(node) || ts.isBindingElement(node);
    if (binds && ts.isIdentifier(node.name)) names.add(node.name.text);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return names;
}

/** The forbidden global that a node reaches for at run time, or null. */
function globalOf(node, source) {
  if (ts.isIdentifier(node)) {
    if (ts.isTypeReferenceNode(node.parent) || ts.isExpressionWithTypeArguments(node.parent)) return null;
    return FORBIDDEN.has(node.text) && !isJustAName(node) ? node.text : null;
  }
  if (ts.isPropertyAccessExpression(node)) {
    return node.expression.getText(source) === "Math" && node.name.text === "random" ? "Math.random" : null;
  }
  if (ts.isElementAccessExpression(node)) return node.expression.getText(source) === "Math" ? "Math[...]" : null;
  if (ts.isVariableDeclaration(node)) return node.initializer?.getText(source) === "Math" ? "an alias of Math" : null;
  return null;
}

function placeOf(node, source) {
  const { line, character } = source.getLineAndCharacterOfPosition(node.getStart(source));
  return `${line + 1}:${character + 1}`;
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
    const place = placeOf(node, source);
    problems.push(`${file}:${place}: ${what} has no place on a pure floor: take it as an input`);
  };
  const visit = (node) => {
    const what = globalOf(node, source);
    if (what !== null) {
      if (excepted.includes(what)) used.add(what);
      else report(node, what);
    } else if (ts.isIdentifier(node)) {
      const isType = ts.isTypeReferenceNode(node.parent) || ts.isExpressionWithTypeArguments(node.parent);
      if (isType && FORBIDDEN_TYPES.has(node.text) && file !== PORTS) report(node, node.text);
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
