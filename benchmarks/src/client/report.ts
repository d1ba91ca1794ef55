/** What the clients' measures came to, as tables. */
import { number, percent, table, times } from "../report/format.ts"
import type { Spread } from "../stats.ts"
import type { Opened } from "./app.ts"
import type { CatchUps, CaughtUp, CaughtUpByPages } from "./catchUp.ts"
import type { Interrupted } from "./pushes.ts"
import type { ReaderCost } from "./readers.ts"

const spread = ({ max, median, min }: Spread): string =>
  `${number(median)} (${number(min)} to ${number(max)})`

const caughtUpHead = [
  "ms until all is shown",
  "waited",
  "LiveStore at work",
  "ms/event",
  "pages",
  "longest page, ms",
  "CPU ms"
]

const caughtUpRow = (one: CaughtUp): ReadonlyArray<string> => [
  spread(one.totalMs),
  number(one.waitedMs),
  number(one.workMs),
  number(one.msPerEvent),
  number(one.pages),
  number(one.longestMs),
  number(one.cpuMs)
]

export const catchUpTable = ({ pairs, ratio, shares }: CatchUps): string =>
  [
    table(
      ["client", "server", ...caughtUpHead],
      pairs.map((one) => [one.client, one.server, ...caughtUpRow(one)])
    ),
    `ours is ${times(ratio)} as fast as the official pair`,
    table(
      ["whose work, our client on our server", "share"],
      Object.entries(shares).map(([owner, share]) => [owner, percent(share)])
    )
  ].join("\n\n")

export const pageSizesTable = (sizes: ReadonlyArray<CaughtUpByPages>): string =>
  table(
    ["events a page", ...caughtUpHead],
    sizes.map((one) => [number(one.pageEvents), ...caughtUpRow(one)])
  )

const holdingInWords = ({ holding: { maxMs, way } }: Interrupted): string =>
  way === "none"
    ? "as it is"
    : way === "untilAnswer"
      ? `pages wait for the answer, ${maxMs} ms`
      : `and the answer for the page, ${maxMs} ms`

export const pushesTable = (cases: ReadonlyArray<Interrupted>): string =>
  [
    table(
      [
        "every ms",
        "client",
        "pages",
        "pushes",
        "interrupted",
        "behind",
        "pushes of an event",
        "rebases of an event",
        "stores",
        "died",
        "events repeated",
        "lag ms"
      ],
      cases.map((one) => [
        number(one.everyMs),
        one.client,
        holdingInWords(one),
        number(one.pushes),
        percent(one.interrupted / one.pushes),
        percent(one.behind / one.pushes),
        number(one.pushesOfAnEvent),
        number(one.rebasesOfAnEvent),
        number(one.stores),
        number(one.died),
        number(one.repeated),
        one.lagMs === undefined ? "–" : spread(one.lagMs)
      ])
    ),
    ...Array.from(
      new Set(cases.flatMap(({ reasons }) => reasons)),
      (reason) => `died of: ${reason}`
    ),
    ...Array.from(
      new Set(cases.flatMap(({ client, refusals }) => refusals.map((one) => `${client}: ${one}`))),
      (refusal) => `refused: ${refusal}`
    )
  ].join("\n")

export const readersTable = (costs: ReadonlyArray<ReaderCost>): string =>
  table(
    ["CPU µs/event", "pulled", "beyond the socket", "live, one by one", "beyond the socket"],
    costs.map(({ liveNetUs, liveUs, pullNetUs, pullUs, reader }) => [
      reader,
      spread(pullUs),
      number(pullNetUs),
      spread(liveUs),
      number(liveNetUs)
    ])
  )

export const appTable = (opened: ReadonlyArray<Opened>): string =>
  table(
    ["client", "visit", "ms until the list is there", "until a new todo is"],
    opened.map(({ client, shownMs, typedMs, visit }) => [
      client,
      visit,
      spread(shownMs),
      spread(typedMs)
    ])
  )
