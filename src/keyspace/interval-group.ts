/**
 * One or several values in one field. Most watched keys have one watcher, and a `Set` for each of a million of them
 * would cost more than all the rest: so one value is held as itself, and only from two on as a set.
 */
export type Group<T extends object> = T | Set<T>;

/** The group with `value` in it; `group` is used up. */
export function addToGroup<T extends object>(group: Group<T> | undefined, value: T): Group<T> {
  if (group === undefined || group === value) return value;
  if (group instanceof Set) return group.add(value);
  return new Set([group, value]);
}

/** The group without `value`, or undefined when nothing is left; `group` is used up. */
export function removeFromGroup<T extends object>(group: Group<T>, value: T): Group<T> | undefined {
  if (group === value) return undefined;
  if (!(group instanceof Set)) return group;
  group.delete(value);
  if (group.size > 1) return group;
  for (const last of group) return last;
  return undefined;
}

export function forEachInGroup<T extends object>(group: Group<T>, visit: (value: T) => void): void {
  if (group instanceof Set) {
    for (const value of group) visit(value);
  } else {
    visit(group);
  }
}

export function groupHas<T extends object>(group: Group<T>, value: T): boolean {
  return group === value || (group instanceof Set && group.has(value));
}
