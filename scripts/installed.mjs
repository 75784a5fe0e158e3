// Tells whether a folder's node_modules is what its package-lock.json says. Plain JavaScript that Node 18 can run.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Compares the lock file with the record npm leaves behind after a complete install, package by package. Packages for
 * other platforms (optional ones) may be absent.
 *
 * @param {string} folder where package-lock.json is
 * @returns {string | undefined} the first difference in words, or undefined when the installation is right
 */
export function installationFault(folder) {
  const wanted = packagesIn(join(folder, "package-lock.json"));
  const recordPath = join(folder, "node_modules", ".package-lock.json");
  if (!existsSync(recordPath)) return "nothing is installed";
  let have;
  try {
    have = packagesIn(recordPath);
  } catch (error) {
    return `${recordPath} is unreadable: ${error.message}`;
  }
  for (const [path, entry] of Object.entries(wanted)) {
    if (path === "" || entry.optional || entry.devOptional || entry.link) continue;
    const found = have[path];
    if (found === undefined) return `${path} is missing`;
    if (found.version !== entry.version) return `${path} is ${found.version}, not ${entry.version}`;
    if (found.integrity !== entry.integrity) return `${path} has another content hash`;
    if (!existsSync(join(folder, path))) return `${path} was removed`;
  }
  return undefined;
}

/**
 * @param {string} root the project's folder
 * @returns {string} where `npm ci` puts the project's own Node
 */
export function projectNode(root) {
  return join(root, "node_modules", "node", "bin", process.platform === "win32" ? "node.exe" : "node");
}

function packagesIn(lockPath) {
  const { packages } = JSON.parse(readFileSync(lockPath, "utf8"));
  if (typeof packages !== "object" || packages === null) throw new Error("it has no packages field");
  return packages;
}
