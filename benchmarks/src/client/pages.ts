/**
 * Pages of another size: what a server sends, cut and joined before LiveStore is given it.
 */
import * as Stream from "effect/Stream"
import type { Backend, Page } from "./backends.ts"

/**
 * All pages hold `events`, but the one that reaches the head, which holds what is left. Only that one
 * says `NoMore`.
 */
export const resize =
  (events: number) =>
  (backend: Backend): Backend => ({
    ...backend,
    pull: (cursor, options) =>
      Stream.suspend(() => {
        let kept: Array<Page["batch"][number]> = []
        const add = ({ batch, pageInfo }: Page): ReadonlyArray<Page> => {
          kept = [...kept, ...batch]
          const isLast = pageInfo._tag === "NoMore"
          const after = pageInfo._tag === "MoreKnown" ? pageInfo.remaining : 0
          const pages: Array<Page> = []
          const least = isLast ? events + 1 : events
          while (kept.length >= least) {
            const page = kept.slice(0, events)
            kept = kept.slice(events)
            pages.push({
              batch: page,
              pageInfo: { _tag: "MoreKnown", remaining: kept.length + after }
            })
          }
          if (isLast) {
            pages.push({ batch: kept, pageInfo })
            kept = []
          }
          return pages
        }
        return backend.pull(cursor, options).pipe(Stream.mapConcat(add))
      })
  })
