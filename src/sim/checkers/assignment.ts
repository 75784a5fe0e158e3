/**
 * A matching of two sets in which as many as possible have a partner (H. W. Kuhn's augmenting paths).
 *
 * @returns the partner of each left one, or null
 */
export function assign<Left, Right>(
  left: readonly Left[],
  right: readonly Right[],
  fits: (left: Left, right: Right) => boolean,
): (Right | null)[] {
  const partners: (number | null)[] = right.map(() => null);
  const options = left.map((one) => right.flatMap((other, at) => (fits(one, other) ? [at] : [])));
  const place = (one: number, tried: Set<number>): boolean =>
    (options[one] ?? []).some((other) => {
      if (tried.has(other)) return false;
      tried.add(other);
      const holder = partners[other] ?? null;
      if (holder !== null && !place(holder, tried)) return false;
      partners[other] = one;
      return true;
    });
  for (const one of left.keys()) place(one, new Set());
  return left.map((_, one) => right[partners.indexOf(one)] ?? null);
}
