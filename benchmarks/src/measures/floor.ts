/**
 * What the platform takes of a push, whatever the server does: a frame's way to its object and back, and
 * one write to D1.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { BenchServer } from "../BenchServer.ts"
import { median, timed } from "../stats.ts"
import { singlePushes } from "../workloads/singlePushes.ts"
import type { Sizes } from "../workloads/Workload.ts"
import { withWire } from "../workloads/Workload.ts"
import { wrong } from "../WrongResult.ts"

/** Milliseconds, each the median of the rounds. */
export interface Floor {
  readonly frameMs: number
  readonly writeMs: number
  /** A push, by the name of its server. */
  readonly pushMs: Readonly<Record<string, number>>
}

/** `yardstick`: one whose object answers a ping itself, without the platform's help. */
export const measureFloor = (
  yardstick: BenchServer,
  pushed: ReadonlyArray<BenchServer>,
  sizes: Sizes
) =>
  Effect.gen(function* () {
    const frames: Array<number> = []
    const writes: Array<number> = []
    const pushes = new Map(pushed.map(({ name }) => [name, new Array<number>()]))
    for (let round = 0; round <= sizes.rounds; round++) {
      yield* Effect.logInfo(`round ${round}`)
      const frame = yield* wrong(() => pingPong(yardstick, `frames_${round}`, sizes.pushes))
      const [written] = yield* Effect.timed(yardstick.write(sizes.pushes))
      const scores = yield* Effect.forEach(pushed, (server) =>
        Effect.map(
          wrong(() => singlePushes.run(server, `floor_${round}`, sizes)),
          ({ score }) => [server.name, score] as const
        )
      )
      // The first only makes the way warm.
      if (round === 0) continue
      frames.push(frame)
      writes.push(Duration.toMillis(written) / sizes.pushes)
      for (const [name, score] of scores) pushes.get(name)?.push(score)
    }
    const pushMs = Object.fromEntries(Array.from(pushes, ([name, all]) => [name, median(all)]))
    const floor: Floor = { frameMs: median(frames), writeMs: median(writes), pushMs }
    return floor
  })

const pingPong = (server: BenchServer, storeId: string, count: number) =>
  withWire(server, storeId, async (wire) => {
    const times: Array<number> = []
    for (let ping = 0; ping < count; ping++) times.push(await timed(() => wire.ping()))
    return median(times)
  })
