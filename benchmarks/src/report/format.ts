/** Numbers and tables as text. */

/** Three digits that count. */
export const number = (value: number | undefined): string => {
  if (value === undefined || Number.isNaN(value)) return "–"
  if (Math.abs(value) >= 1_000) return Math.round(value).toLocaleString("en-US")
  return String(Number(value.toPrecision(3)))
}

export const times = (value: number | undefined): string =>
  value === undefined ? "–" : `${number(value)}×`

export const percent = (share: number | undefined): string =>
  share === undefined ? "–" : `${Math.round(share * 100)} %`

export const bytes = (value: number | undefined): string =>
  value === undefined
    ? "–"
    : Math.abs(value) >= 1_024
      ? `${number(value / 1_024)} KiB`
      : `${Math.round(value)} B`

/** A table that is Markdown and lines up in a terminal. */
export const table = (
  head: ReadonlyArray<string>,
  rows: ReadonlyArray<ReadonlyArray<string>>
): string => {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0))
  )
  const line = (cells: ReadonlyArray<string>) =>
    `| ${widths
      .map((width, column) =>
        column === 0 ? (cells[column] ?? "").padEnd(width) : (cells[column] ?? "").padStart(width)
      )
      .join(" | ")} |`
  const rule = `| ${widths
    .map((width, column) => (column === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`))
    .join(" | ")} |`
  return [line(head), rule, ...rows.map(line)].join("\n")
}
