/** A run beside an older one. */
import type { Result } from "../Result.ts"
import { number, percent, table, times } from "./format.ts"

/**
 * Absolute speed compares only on one machine; how far ours is from the official server and from
 * the bare object compares between machines as well.
 */
export const compare = (before: Result, now: Result): string =>
  [
    `Compared with ${before.commit} of ${before.startedAt.slice(0, 10)}${
      before.machine.cpu === now.machine.cpu ? "" : ` on another machine (${before.machine.cpu})`
    }:`,
    table(
      [
        "Tidelog",
        "unit",
        "before",
        "now",
        "speed",
        "× official before",
        "now",
        "of bare before",
        "now"
      ],
      now.lines.flatMap((line) => {
        const old = before.lines.find(({ id }) => id === line.id)
        const [was, is] = [old?.servers.tidelog?.median, line.servers.tidelog?.median]
        if (old === undefined || was === undefined || is === undefined) return []
        return [
          [
            line.title,
            line.unit,
            number(was),
            number(is),
            percent(line.unit === "ms" ? was / is : is / was),
            times(old.ratio.tidelog),
            times(line.ratio.tidelog),
            percent(old.ofBare),
            percent(line.ofBare)
          ]
        ]
      })
    )
  ].join("\n\n")
