/** The readers of `crowd`, in their thread. */
import { parentPort, workerData } from "node:worker_threads"
import { checkChunks } from "../events.ts"
import { Wire } from "../Wire.ts"
import type { Pull } from "../Wire.ts"

export interface CrowdTask {
  readonly port: number
  readonly storeId: string
  readonly readers: number
}

/** Sent when all have begun, and when they were stopped. */
export interface CrowdReport {
  readonly events: number
  readonly seconds: number
  readonly error?: string
}

const task: CrowdTask = workerData
const state = { stopped: false }
let events = 0

/** A pull is checked when it is over, so that not all of them are kept. */
const check = (pull: Pull) => {
  events += checkChunks("one of a crowd", pull.drain(), 1)
}

const stop = new Promise<void>((resolve) => {
  parentPort?.once("message", () => {
    state.stopped = true
    resolve()
  })
})

const readAgainAndAgain = async (wire: Wire) => {
  while (!state.stopped) {
    const pull = wire.pull({ live: false })
    await Promise.race([pull.ended, stop])
    check(pull)
  }
}

// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has none
const report = (message: CrowdReport) => parentPort?.postMessage(message)

try {
  const wires = await Promise.all(
    Array.from({ length: task.readers }, () => Wire.open(task.port, task.storeId))
  )
  const start = performance.now()
  const reading = wires.map(readAgainAndAgain)
  report({ events: 0, seconds: 0 })
  await Promise.all(reading)
  const seconds = (performance.now() - start) / 1_000
  report({ events, seconds })
} catch (error) {
  report({ events, seconds: 0, error: String(error) })
}
