/**
 * The DevTools protocol of a worker's isolate, which holds the worker and all its objects.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { WebSocket } from "ws"
import type { BenchServer } from "./BenchServer.ts"

interface Answer {
  readonly id?: number
  readonly result?: unknown
  readonly error?: { readonly message: string }
}

export interface ProfileNode {
  readonly id: number
  readonly callFrame: {
    readonly functionName: string
    readonly url: string
    readonly lineNumber: number
    readonly columnNumber: number
  }
  readonly children?: ReadonlyArray<number>
}

export interface Profile {
  readonly nodes: ReadonlyArray<ProfileNode>
  readonly samples: ReadonlyArray<number>
  readonly timeDeltas: ReadonlyArray<number>
}

export class Inspector {
  readonly #socket: WebSocket
  readonly #wake: string
  readonly #waiting = new Map<
    number,
    { ok: (result: unknown) => void; failed: (e: Error) => void }
  >()
  #nextId = 1

  private constructor(socket: WebSocket, wake: string) {
    this.#socket = socket
    this.#wake = wake
    socket.on("message", (data: Buffer) => {
      const { error, id, result }: Answer = JSON.parse(data.toString())
      if (id === undefined) return
      const waiting = this.#waiting.get(id)
      this.#waiting.delete(id)
      if (error === undefined) waiting?.ok(result)
      else waiting?.failed(new Error(error.message))
    })
  }

  static open({ inspectorPort, port }: BenchServer): Promise<Inspector> {
    const socket = new WebSocket(`ws://127.0.0.1:${inspectorPort}/ws`)
    return new Promise((resolve, reject) => {
      socket.on("open", () =>
        resolve(new Inspector(socket, `http://127.0.0.1:${port}/bench/meter`))
      )
      socket.on("error", reject)
    })
  }

  call<A>(method: string, params: object = {}): Promise<A> {
    const id = this.#nextId
    this.#nextId += 1
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { ok: (result) => resolve(result as A), failed: reject })
      this.#socket.send(JSON.stringify({ id, method, params }))
    })
  }

  /** Bytes of JavaScript objects that are in use, after a full garbage collection. */
  async heap(): Promise<number> {
    await this.call("HeapProfiler.enable")
    await this.#collectGarbage()
    await this.#collectGarbage()
    const { usedSize } = await this.call<{ readonly usedSize: number }>("Runtime.getHeapUsage")
    return usedSize
  }

  /** The collection is a task of the isolate, which runs its tasks only with a request. */
  async #collectGarbage(): Promise<void> {
    const collected = this.call("HeapProfiler.collectGarbage").then(() => "done")
    do {
      await fetch(this.#wake)
    } while ((await Promise.race([collected, sleep(50)])) !== "done")
  }

  /** Samples where the time goes while something runs. `intervalUs`: between two samples. */
  async profile(run: () => Promise<unknown>, intervalUs = 200): Promise<Profile> {
    await this.call("Profiler.enable")
    await this.call("Profiler.setSamplingInterval", { interval: intervalUs })
    await this.call("Profiler.start")
    await run()
    const { profile } = await this.call<{ readonly profile: Profile }>("Profiler.stop")
    return profile
  }

  close(): void {
    this.#socket.close()
  }
}
