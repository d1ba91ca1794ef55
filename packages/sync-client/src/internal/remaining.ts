/** What is left of a wait of so many ms since an instant. A clock that is set back makes no wait longer. */
export const remaining = (
  millis: number,
  { since, now }: { readonly since: number; readonly now: number }
): number => Math.min(Math.max(0, since + millis - now), millis)
