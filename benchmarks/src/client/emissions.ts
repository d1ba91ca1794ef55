/**
 * When a pull gives LiveStore its pages, and how long LiveStore is at work on each.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Backend } from "./backends.ts"

/** A page, as the consumer of a pull met it. Times are `performance.now()`. */
export interface Emission {
  readonly seqNums: ReadonlyArray<number>
  readonly askedAt: number
  readonly givenAt: number
}

/** Notes each page that is given. Whoever asks for the next page is done with the one before. */
export const observe =
  (emissions: Array<Emission>) =>
  (backend: Backend): Backend => ({
    ...backend,
    pull: (cursor, options) =>
      backend.pull(cursor, options).pipe(
        // One page at a time, or a client could hand over several at once.
        Stream.rechunk(1),
        Stream.toPull,
        Effect.map((next) =>
          Effect.suspend(() => {
            const askedAt = performance.now()
            return Effect.tap(next, (pages) =>
              Effect.sync(() => {
                const givenAt = performance.now()
                for (const { batch } of pages) {
                  const seqNums = batch.map(({ eventEncoded }) => eventEncoded.seqNum)
                  emissions.push({ seqNums, askedAt, givenAt })
                }
              })
            )
          })
        ),
        Stream.fromPull
      )
  })
