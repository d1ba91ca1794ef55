/** An alarm that does not go off: what was asked of it is kept. */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import { Alarm } from "../../src/Alarm.ts"

export class TestAlarm extends Context.Tag("test/TestAlarm")<
  TestAlarm,
  {
    /** The times that it was asked for, in order. */
    readonly asked: Array<number>
  }
>() {}

export const layer: Layer.Layer<TestAlarm | Alarm> = Layer.suspend(() => {
  const asked: Array<number> = []
  return Layer.merge(
    Layer.succeed(TestAlarm, { asked }),
    Layer.succeed(Alarm, {
      wakeBy: (time) => {
        asked.push(time)
      }
    })
  )
})
