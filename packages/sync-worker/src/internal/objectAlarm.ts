import type { DurableObjectStorage } from "@cloudflare/workers-types"
import type { AlarmService } from "../Alarm.ts"

/**
 * The alarm of an object: one time, the earliest that was asked for. It outlives the object's memory.
 *
 * `gone`: it went off, or was deleted.
 */
export interface ObjectAlarm extends AlarmService {
  readonly gone: () => void
}

/**
 * The platform throws at times past its own range, which ends in 2262. An alarm so far away, or
 * none, is the same.
 */
const MAX_TIME = 8_000_000_000_000

export const make = (storage: Pick<DurableObjectStorage, "setAlarm">): ObjectAlarm => {
  /** When it is set for, as far as that is known. */
  let setFor = Number.POSITIVE_INFINITY

  return {
    wakeBy: (time) => {
      if (time >= setFor || time > MAX_TIME) return
      setFor = time
      // What is lost with an alarm is a deadline that the next frame is held to as well.
      storage.setAlarm(time, { allowUnconfirmed: true }).catch(() => {
        if (setFor === time) setFor = Number.POSITIVE_INFINITY
      })
    },
    gone: () => {
      setFor = Number.POSITIVE_INFINITY
    }
  }
}
