/**
 * Several things that take turns, each round beginning with another, so that whatever the machine does
 * meanwhile it does to all of them.
 */
import * as Effect from "effect/Effect"

export interface Rounds {
  /** Rounds that count. */
  readonly rounds: number
  /** Rounds before them, which only make warm what can be. */
  readonly warmUp: number
}

/** What came of each, round by round. `name`: of this turn, as a part of a store's id. */
export const inTurns = <One, Result, E, R>(
  all: ReadonlyArray<One>,
  { rounds, warmUp }: Rounds,
  play: (one: One, name: string) => Effect.Effect<Result, E, R>
): Effect.Effect<ReadonlyArray<ReadonlyArray<Result>>, E, R> =>
  Effect.gen(function* () {
    const played = all.map((): Array<Result> => [])
    for (let round = 0; round < warmUp + rounds; round++) {
      yield* Effect.logInfo(round < warmUp ? "warming up" : `round ${round - warmUp + 1}`)
      for (let turn = 0; turn < all.length; turn++) {
        const at = (round + turn) % all.length
        const one = all[at]
        if (one === undefined) continue
        const result = yield* play(one, `${round}_${at}`)
        if (round >= warmUp) played[at]?.push(result)
      }
    }
    return played
  })
