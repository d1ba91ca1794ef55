/** A store's object that other objects call, and such an object, which does what a test tells it. */
import { DurableObject } from "cloudflare:workers"
import { Unpackr } from "msgpackr"
import { Packr } from "msgpackr/pack"
import { doRpc } from "../../src/do-rpc/index.ts"
import { Forbidden, makeDurableObject, makeWorker } from "../../src/index.ts"

interface Env {
  readonly WEBSOCKET_SERVER: DurableObjectNamespace<SyncBackendDO>
  readonly CLOSED: DurableObjectNamespace<ClosedDO>
  readonly CALLER: DurableObjectNamespace<CallerDO>
}

const isBob = (payload: unknown) => Reflect.get(Object(payload), "as") === "bob"

export class SyncBackendDO extends makeDurableObject({
  onPush: ({ batch }) => {
    if (batch.some(({ name }) => name === "forbidden")) throw new Error("rejected by onPush")
  },
  limits: { maxFrameBytes: 500_000, eventBurst: 4_000, eventsPerSecond: 1 },
  doRpc: doRpc({
    callers: ["CALLER", "GONE"],
    validateCaller: (payload, { caller, storeId }) => {
      if (storeId.startsWith("private") && !isBob(payload)) {
        throw new Forbidden({ reason: "not your store" })
      }
      if (storeId === "expired") return { expiresAt: 1 }
      return isBob(payload) ? { user: "bob", subscribes: caller !== undefined } : undefined
    }
  })
}) {}

/** One that takes no calls. */
export class ClosedDO extends makeDurableObject({
  enabledTransports: ["ws"],
  doRpc: doRpc({ callers: ["CALLER"] })
}) {}

const records = { useRecords: true }

/** `between`: done when the first part has come. */
const readAll = async (answer: ReadableStream<Uint8Array>, between: () => Promise<void>) => {
  const parts: Array<number> = []
  const reader = answer.getReader()
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    if (parts.length === 0) await between()
    parts.push(...next.value)
  }
  return Uint8Array.from(parts)
}

export class CallerDO extends DurableObject<Env> {
  /** What it was called with. */
  readonly #updates: Array<unknown> = []
  #isMute = false

  async syncUpdateRpc(update: unknown): Promise<void> {
    this.#updates.push(update)
    if (this.#isMute) throw new Error("not now")
  }

  override async fetch(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url)
    switch (pathname) {
      case "/updates":
        return Response.json(this.#updates)
      case "/mute":
        this.#isMute = true
        return new Response("done")
      case "/id":
        return new Response(this.ctx.id.toString())
    }
    const namespace = searchParams.has("closed") ? this.env.CLOSED : this.env.WEBSOCKET_SERVER
    const stub = namespace.get(namespace.idFromName(searchParams.get("storeId") ?? ""))
    const frame = JSON.parse(
      (await request.text()).replaceAll(`"self"`, `"${this.ctx.id.toString()}"`)
    )
    const inText = searchParams.has("text")
    const call = searchParams.has("raw")
      ? new TextEncoder().encode("nonsense")
      : inText
        ? new TextEncoder().encode(JSON.stringify(frame))
        : new Packr(records).pack([frame])
    const operation = searchParams.get("between")
    const between = async () => {
      if (operation !== null) await stub.admin(operation)
    }
    try {
      const answer = await stub.rpc(call)
      // What is streamed comes in parts of any size.
      const bytes = answer instanceof ReadableStream ? await readAll(answer, between) : answer
      if (bytes[0] === "{".charCodeAt(0)) {
        // An answer in texts.
        return new Response(bytes, { headers: { "x-answer": "text" } })
      }
      const frames: Array<unknown> = []
      new Unpackr(records).unpackMultiple(bytes, (value: unknown) => {
        frames.push(...[value].flat(2))
      })
      return Response.json(frames)
    } catch (error) {
      return new Response(String(error), { status: 500 })
    }
  }
}

const worker = makeWorker()

/** What a module gets that names the transport and does not say whose calls it takes. */
const loaded = (): string => {
  try {
    makeDurableObject({ enabledTransports: ["ws", "do-rpc"] })
    return "loaded"
  } catch (error) {
    return String(error)
  }
}

export default {
  fetch(request: Request, env: Env, ctx: ExecutionContext) {
    const url = new URL(request.url)
    const [, route, name = "", ...rest] = url.pathname.split("/")
    if (route === "admin") {
      const object = env.WEBSOCKET_SERVER.get(
        env.WEBSOCKET_SERVER.idFromName(url.searchParams.get("storeId") ?? "")
      )
      return request
        .text()
        .then((text) => object.admin(text))
        .then((text) => new Response(text))
    }
    if (route === "mistaken") return new Response(loaded())
    if (route !== "caller") return worker.fetch(request, env, ctx)
    url.pathname = `/${rest.join("/")}`
    return env.CALLER.get(env.CALLER.idFromName(name)).fetch(new Request(url, request))
  }
}
