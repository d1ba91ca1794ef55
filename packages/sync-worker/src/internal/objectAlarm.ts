import type { DurableObjectStorage } from "@cloudflare/workers-types"
import type { AlarmService } from "../Alarm.ts"

/**
 * The alarm of an object: one time, the earliest that was asked for. It outlives the object's memory.
 *
 * `rang`: it went off; `next` is when it is needed again, endless if never.
 */
export interface ObjectAlarm extends AlarmService {
  readonly rang: (next: number) => void
}

export const make = (storage: Pick<DurableObjectStorage, "getAlarm" | "setAlarm">): ObjectAlarm => {
  /** When it is set for, as far as that is known. */
  let setFor = Number.POSITIVE_INFINITY

  const set = (time: number) => {
    setFor = time
    // What is lost with an alarm is a deadline that the next frame is held to as well.
    storage.setAlarm(time, { allowUnconfirmed: true }).catch(() => {
      setFor = Number.POSITIVE_INFINITY
    })
  }

  return {
    wakeBy: (time) => {
      if (time < setFor) set(time)
    },
    rang: (next) => {
      setFor = Number.POSITIVE_INFINITY
      if (Number.isFinite(next)) set(next)
    }
  }
}
