/**
 * The lines of a result as a picture: how many times faster than the official server, on a
 * logarithmic scale, with the goal of each line. Readable on white and on black.
 */
import type { Line, Result } from "../Result.ts"
import { times } from "./format.ts"

const WIDTH = 860
const LEFT = 20
const RIGHT = 70
const TOP = 66
const ROW = 62
const BAR = 15

const style = `
  text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328 }
  .title { font-size: 16px; font-weight: 600 }
  .soft { fill: #59636e }
  .tidelog { fill: #0d9488 }
  .bare { fill: #94a3b8 }
  .goal { stroke: #d97706; stroke-width: 2 }
  .grid { stroke: #8b949e; stroke-opacity: 0.25 }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc }
    .soft { fill: #9198a1 }
    .tidelog { fill: #2dd4bf }
    .bare { fill: #64748b }
    .goal { stroke: #fbbf24 }
  }`

export const chart = ({ lines, machine, startedAt, versions }: Result): string => {
  const shown = lines.filter(({ ratio }) => ratio.tidelog !== undefined)
  const longest = Math.max(
    10,
    ...shown.flatMap(({ goal, ratio }) => [goal, ratio.tidelog ?? 1, ratio.bare ?? 1])
  )
  const height = TOP + shown.length * ROW + 34
  const x = (ratio: number) =>
    LEFT + (Math.log(Math.max(ratio, 1)) / Math.log(longest)) * (WIDTH - LEFT - RIGHT)
  const ticks = [1, 2, 5, 10, 20, 50, 100, 200, 500].filter((tick) => tick <= longest)

  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="Tidelog's server compared with LiveStore's official one">
<style>${style}
</style>
<text class="title" x="${LEFT}" y="24">Times faster than @livestore/sync-cf ${versions["@livestore/sync-cf"] ?? ""}, both on D1</text>
${legend()}
${ticks
  .map(
    (tick) =>
      `<line class="grid" x1="${x(tick).toFixed(1)}" x2="${x(tick).toFixed(1)}" y1="${TOP - 8}" y2="${height - 32}"/><text class="soft" x="${x(tick).toFixed(1)}" y="${height - 16}" text-anchor="middle">${tick}×</text>`
  )
  .join("\n")}
${shown.map((line, index) => bars(line, TOP + index * ROW, x)).join("\n")}
<text class="soft" x="${WIDTH - 8}" y="24" text-anchor="end">${startedAt.slice(0, 10)}, ${machine.cores} cores</text>
</svg>
`
}

const legend = (): string =>
  [
    `<rect class="tidelog" x="${LEFT}" y="36" width="12" height="12" rx="2"/><text x="${LEFT + 18}" y="47">Tidelog</text>`,
    `<rect class="bare" x="${LEFT + 90}" y="36" width="12" height="12" rx="2"/><text x="${LEFT + 108}" y="47">bare Durable Object: the ceiling</text>`,
    `<line class="goal" x1="${LEFT + 326}" x2="${LEFT + 326}" y1="35" y2="49"/><text x="${LEFT + 334}" y="47">goal</text>`
  ].join("\n")

const bars = ({ goal, ratio, title }: Line, top: number, x: (ratio: number) => number): string =>
  [
    `<text x="${LEFT}" y="${top + 13}">${escape(title)}</text>`,
    bar("tidelog", ratio.tidelog, top + 19, x),
    bar("bare", ratio.bare, top + 19 + BAR + 2, x),
    `<line class="goal" x1="${x(goal).toFixed(1)}" x2="${x(goal).toFixed(1)}" y1="${top + 17}" y2="${top + 21 + BAR}"/>`
  ].join("\n")

const bar = (
  server: string,
  ratio: number | undefined,
  y: number,
  x: (ratio: number) => number
): string =>
  ratio === undefined
    ? ""
    : `<rect class="${server}" x="${LEFT}" y="${y}" width="${Math.max(2, x(ratio) - LEFT).toFixed(1)}" height="${BAR}" rx="3"/><text class="${server === "bare" ? "soft" : ""}" x="${(x(ratio) + 8).toFixed(1)}" y="${y + 12}">${times(ratio)}</text>`

const escape = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;")
