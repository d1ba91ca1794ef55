import { expect, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as TestClock from "effect/TestClock"
import * as Alarm from "../src/Alarm.ts"
import * as LiveServer from "../src/internal/liveServer.ts"
import { SyncServer } from "../src/SyncServer.ts"

class Service extends Context.Tag("test/Service")<Service, number>() {}

it.effect(
  "[HAND-5] a start that fails keeps nobody longer, if what was built for it does not end",
  () =>
    Effect.gen(function* () {
      const services = Layer.scoped(
        Service,
        Effect.as(
          Effect.addFinalizer(() => Effect.never),
          1
        )
      )
      const start = LiveServer.start({
        state: Object.create(null),
        env: {},
        layer: Layer.effect(SyncServer, Effect.zipRight(Service, Effect.fail("no database"))).pipe(
          Layer.provide(services)
        ),
        alarm: yield* Effect.provide(Alarm.Alarm, Alarm.layerNone)
      })
      const starting = yield* Effect.fork(Effect.flip(start("store")))
      yield* TestClock.adjust("25 seconds")
      const ended = yield* Fiber.poll(starting)
      expect(Option.isSome(ended)).toBe(true)
      expect(yield* Fiber.join(starting)).toMatchObject({
        _tag: "StartFailed",
        reason: LiveServer.CANNOT_OPEN
      })
    })
)
