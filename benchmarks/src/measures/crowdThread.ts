/** The readers of `crowd`, in their thread. */
import { parentPort, workerData } from "node:worker_threads"
import { checkChunks } from "../events.ts"
import { Wire } from "../Wire.ts"

export interface CrowdTask {
  readonly port: number
  readonly storeId: string
  readonly readers: number
}

/** What the readers were sent since they came. */
export interface CrowdReport {
  readonly events: number
  readonly seconds: number
  readonly error?: string
}

export type CrowdOrder = "come" | "leave"

const task: CrowdTask = workerData

/** Bytes of pulls that are kept to be checked when the crowd leaves. */
const MAX_HELD = 500_000_000

const report = (message: CrowdReport) => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has none
  parentPort?.postMessage(message)
}

const nothing: CrowdReport = { events: 0, seconds: 0 }

/** Opens the sockets, and pulls over each the whole log, again and again, until all are closed. */
const come = async () => {
  const wires = await Promise.all(
    Array.from({ length: task.readers }, () => Wire.open(task.port, task.storeId))
  )
  const state = { present: true }
  let events = 0
  let held: Array<ReadonlyArray<Buffer>> = []
  let heldBytes = 0
  const check = () => {
    for (const chunks of held) events += checkChunks("one of a crowd", chunks, 1)
    held = []
    heldBytes = 0
  }
  let leave = () => {}
  const left = new Promise<void>((resolve) => {
    leave = resolve
  })
  const read = async (wire: Wire) => {
    while (state.present) {
      const pull = wire.pull({ live: false })
      await Promise.race([pull.ended, left])
      const chunks = pull.drain()
      held.push(chunks)
      heldBytes += chunks.reduce((sum, { length }) => sum + length, 0)
      // Checking takes the machine's time from the writer, so it is put off.
      if (heldBytes > MAX_HELD) check()
    }
  }
  const start = performance.now()
  const reading = Promise.all(wires.map(read))
  return async (): Promise<CrowdReport> => {
    state.present = false
    const seconds = (performance.now() - start) / 1_000
    leave()
    await reading
    check()
    await Promise.all(wires.map((wire) => wire.close()))
    return { events, seconds }
  }
}

let leave = async () => nothing

const obey = async (order: CrowdOrder): Promise<CrowdReport> => {
  if (order === "leave") return leave()
  leave = await come()
  return nothing
}

parentPort?.on("message", (order: CrowdOrder) => {
  obey(order).then(report, (error: unknown) => report({ ...nothing, error: String(error) }))
})
