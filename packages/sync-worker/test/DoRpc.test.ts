/** The Durable Object RPC transport, in workerd: objects that call a store's, and are called back. */
import { setTimeout } from "node:timers/promises"
import { DoRpcMessage } from "@tidelog/sync-protocol"
import * as Schema from "effect/Schema"
import { describe, expect, it } from "vitest"
import { REGISTRY_TABLE } from "../src/EventLogStatements.ts"
import { eventually } from "./support/eventually.ts"
import { accepted, ended, failed, refused, serverAhead } from "./support/frames.ts"
import { exitOf, HttpClient } from "./support/HttpClient.ts"
import { bundle, startServer } from "./support/server.ts"
import { events, WireClient } from "./support/WireClient.ts"
import type { Json } from "./support/WireClient.ts"

const { evict, lines, miniflare, url } = await startServer("./rpcWorker.ts", {
  durableObjects: { WEBSOCKET_SERVER: "SyncBackendDO", CLOSED: "ClosedDO", CALLER: "CallerDO" }
})

/** As they are written, each held to its Schema. */
const Updates = Schema.Array(Schema.encodedSchema(DoRpcMessage.Update))

/** An object of the app's. */
const callerOf = (name: string, storeId: string) => {
  const at = (path: string) => new URL(`/caller/${name}/${path}`, url)
  const send = async (frame: unknown, search = "") => {
    const answer = await fetch(at(`call?storeId=${encodeURIComponent(storeId)}${search}`), {
      method: "POST",
      body: JSON.stringify(frame)
    })
    return { status: answer.status, text: await answer.text() }
  }
  const call = async (
    id: string,
    tag: string,
    payload: object,
    /** What is done to the store when the first part of the answer has come. */
    between?: object
  ): Promise<ReadonlyArray<Json>> => {
    const frame = { _tag: "Request", id, tag, payload: { storeId, ...payload }, headers: [] }
    const { text } = await send(
      frame,
      between === undefined
        ? ""
        : `&between=${encodeURIComponent(JSON.stringify({ storeId, operation: between }))}`
    )
    return JSON.parse(text)
  }
  return {
    storeId,
    send,
    push: (batch: ReadonlyArray<unknown>, claims: object = {}) =>
      call("7", "SyncDoRpc.Push", { batch, backendId: { _tag: "None" }, ...claims }),
    pull: (claims: object = {}, id = "1", between?: object) =>
      call(id, "SyncDoRpc.Pull", { cursor: { _tag: "None" }, ...claims }, between),
    ping: () => call("3", "SyncDoRpc.Ping", {}),
    call,
    mute: () => fetch(at("mute")),
    id: async () => (await fetch(at("id"))).text(),
    updates: async () =>
      Schema.decodeUnknownSync(Updates)(JSON.parse(await (await fetch(at("updates"))).text()))
  }
}

const ME = { rpcContext: { callerContext: { bindingName: "CALLER", durableObjectId: "self" } } }

const infoOf = async (storeId: string) => {
  const body = JSON.stringify({ storeId, operation: { _tag: "Info" } })
  const info = await fetch(new URL(`/admin?storeId=${storeId}`, url), { method: "POST", body })
  return info.text()
}

const lastOf = (frames: ReadonlyArray<Json>): unknown => frames.at(-1)?.["exit"]

const seqNumsOf = (value: unknown): ReadonlyArray<number> =>
  Array.from(JSON.stringify(value).matchAll(/"seqNum":(\d+)/g), (match) => Number(match[1]))

const rpcIdOf = (frames: ReadonlyArray<Json>): string =>
  /"rpcRequestId":"([^"]+)"/.exec(JSON.stringify(frames))?.[1] ?? "none"

const range = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index)

const push = async (storeId: string, batch: ReadonlyArray<unknown>) => {
  const http = new HttpClient(url, storeId)
  expect(exitOf(await http.send(http.pushFrame(batch)))).toEqual(accepted)
}

describe("a call", () => {
  it("[RPC-1] pushes, pulls and pings", async () => {
    const ann = callerOf("ann", "basic")
    expect(await ann.ping()).toEqual([{ _tag: "Exit", requestId: "3", exit: ended }])
    expect(await ann.push(events(1, 3))).toEqual([{ _tag: "Exit", requestId: "7", exit: accepted }])
    const frames = await ann.pull()
    expect(frames).toMatchObject([
      { _tag: "Chunk", requestId: "1" },
      { _tag: "Exit", requestId: "1", exit: ended }
    ])
    const [page] = Schema.decodeUnknownSync(Schema.Array(DoRpcMessage.PullResponse))(
      frames[0]?.["values"]
    )
    expect(page).toMatchObject({ pageInfo: { _tag: "NoMore" }, rpcRequestId: expect.any(String) })
    expect(seqNumsOf(frames)).toEqual([1, 2, 3])
  })

  it("[RPC-1][PULL-14] tells who the server is, if it is asked", async () => {
    const ann = callerOf("ann", "greeted")
    await ann.push(events(1, 1))
    const [greeted] = await ann.pull({ sparing: true })
    expect(greeted).toMatchObject({ _tag: "Chunk", server: { sparingAcks: true } })
    const [first] = await ann.pull()
    expect(first).not.toHaveProperty("server")
  })

  it("[RPC-1] reads a log of many pages", async () => {
    const ann = callerOf("ann", "long")
    for (let from = 1; from <= 3_000; from += 500) await ann.push(events(from, from + 499))
    const frames = await ann.pull()
    expect(frames.length).toBeGreaterThan(3)
    expect(seqNumsOf(frames)).toEqual(range(1, 3_000))
    expect(lastOf(frames)).toEqual(ended)
  })

  it("[RPC-1][EVENT-1] keeps arguments as they are, absent ones too", async () => {
    const ann = callerOf("ann", "arguments")
    const args = [{ a: [1, 2.5, -0.001, 2 ** 53], b: null, c: { d: "é🌊\0" } }, null, [], undefined]
    const batch = args.map((args, index) => ({ ...events(index + 1)[0], args }))
    await ann.push(batch)
    const frames = await ann.pull()
    const pages = Schema.decodeUnknownSync(Schema.Array(DoRpcMessage.PullResponse))(
      frames[0]?.["values"]
    )
    const pulled = pages.flatMap(({ batch }) => batch)
    expect(pulled.map(({ eventEncoded }) => eventEncoded)).toEqual(
      batch.map((event) => JSON.parse(JSON.stringify(event)))
    )
  })

  it("[RPC-1] is for the same log, under the same rules", async () => {
    const ann = callerOf("ann", "rules")
    const socket = await WireClient.connect(url, "rules", null)
    socket.send(socket.pullFrame("1"))
    await socket.chunk("1")
    expect(lastOf(await ann.push(events(1, 2)))).toEqual(accepted)
    expect(lastOf(await ann.push(events(1, 2)))).toEqual(accepted)
    await socket.chunk("1", 2)
    expect(socket.seqNums("1")).toEqual([1, 2])
    socket.close()
    expect(lastOf(await ann.push(events(2, 2, "client-b")))).toEqual(serverAhead(2, 1))
    const forbidden = events(3).map((event) => ({ ...event, name: "forbidden" }))
    expect(lastOf(await ann.push(forbidden))).toEqual(refused("PushRejected", "rejected by onPush"))
    const other = { backendId: { _tag: "Some", value: "other" } }
    expect(lastOf(await ann.push(events(3), other))).toMatchObject(
      failed({ _tag: "BackendIdMismatchError", received: "other" })
    )
    expect(lastOf(await ann.push(events(3, 1_003)))).toMatchObject(refused("BatchTooLarge"))
  })

  it("[RPC-8] in text is answered in texts, and half a surrogate pair stays one", async () => {
    const ann = callerOf("ann", "texts")
    const half = events(1).map((event) => ({ ...event, args: { text: "a😀".slice(0, 2) } }))
    const send = async (tag: string, payload: object) => {
      const frame = {
        _tag: "Request",
        id: "1",
        tag,
        payload: { storeId: "texts", ...payload },
        headers: []
      }
      const { text } = await ann.send(frame, "&text")
      return text
        .trimEnd()
        .split("\n")
        .map((line): Json => JSON.parse(line))
    }
    const pushed = await send(DoRpcMessage.PUSH, { batch: half, backendId: { _tag: "None" } })
    expect(lastOf(pushed)).toEqual(accepted)
    const pulled = await send(DoRpcMessage.PULL, { cursor: { _tag: "None" } })
    expect(pulled).toMatchObject([
      { _tag: "Chunk", values: [{ batch: [{ eventEncoded: { args: half[0]?.["args"] } }] }] },
      { _tag: "Exit", exit: ended }
    ])
    expect(lastOf(await send("SyncWsRpc.Pull", {}))).toMatchObject(refused("UnknownRequest"))
  })

  it("[RPC-8] whose header wants that is answered in texts", async () => {
    const ann = callerOf("ann", "texts")
    const ping = { _tag: "Request", id: "1", tag: DoRpcMessage.PING, payload: { storeId: "texts" } }
    const headers = [["x-tidelog-answer", "text"]]
    const { text } = await ann.send({ ...ping, headers })
    expect(JSON.parse(text)).toEqual({ _tag: "Exit", requestId: "1", exit: ended })
    expect(text.endsWith("\n")).toBe(true)
  })

  it("[RPC-2] that is none, or of no kind, is refused", async () => {
    const ann = callerOf("ann", "nonsense")
    expect(await ann.send({}, "&raw")).toMatchObject({
      status: 500,
      text: expect.stringContaining("not a call of this protocol")
    })
    expect(await ann.send({ _tag: "Ack", requestId: "1" })).toMatchObject({ status: 500 })
    expect(lastOf(await ann.call("1", "SyncWsRpc.Pull", {}))).toMatchObject(
      refused("UnknownRequest")
    )
    expect(lastOf(await ann.call("1", "SyncDoRpc.Pull", { cursor: 7 }))).toMatchObject(
      refused("InvalidRequest")
    )
  })

  it("[RPC-2] is not taken by an object that does not take calls", async () => {
    const ann = callerOf("ann", "closed")
    expect(await ann.send({}, "&closed")).toMatchObject({
      status: 500,
      text: expect.stringContaining("does not take the transport do-rpc")
    })
    await eventually(() => {
      const line = lines.find((line) => line.includes("call refused"))
      expect(JSON.parse(line ?? "{}")).toMatchObject({
        logLevel: "WARN",
        annotations: {
          storeId: "closed",
          reason: expect.stringContaining("do-rpc"),
          option: expect.stringContaining("doRpc: doRpc(")
        }
      })
    })
  })

  it("[RPC-2] a class that names the transport, and not whose calls it takes, is refused as it is made", async () => {
    const answer = await fetch(new URL("/mistaken", url))
    expect(await answer.text()).toMatch(
      /^TypeError: enabledTransports names do-rpc, .*doRpc: doRpc\(/
    )
  })

  it("[RPC-2] has nothing in a bundle that does not import it", async () => {
    expect(await bundle("./rpcWorker.ts")).toContain("syncUpdateRpc")
    expect(await bundle("./worker.ts")).not.toContain("syncUpdateRpc")
  })

  it("[RPC-2] reaches no other store than that of the object", async () => {
    const ann = callerOf("ann", "mine")
    await callerOf("ann", "yours").push(events(1))
    for (const frames of [
      await ann.pull({ storeId: "yours" }),
      await ann.push(events(1), { storeId: "yours" })
    ]) {
      expect(frames).toHaveLength(1)
      expect(lastOf(frames)).toMatchObject(refused("StoreMismatch"))
    }
  })

  it("[RPC-3] is let in by the app's rule, which is asked each time", async () => {
    const ann = callerOf("ann", "private")
    for (const frames of [await ann.pull(), await ann.pull(ME), await ann.push(events(1))]) {
      expect(frames).toHaveLength(1)
      expect(lastOf(frames)).toEqual(refused("Forbidden", "not your store"))
    }
    const bob = { payload: { as: "bob" } }
    expect(lastOf(await ann.push(events(1), bob))).toEqual(accepted)
    expect(seqNumsOf(await ann.pull(bob))).toEqual([1])
  })

  it("[RPC-3] is refused where what the rule returns has ended", async () => {
    const ann = callerOf("ann", "expired")
    const reason = "the credentials have expired"
    expect(lastOf(await ann.push(events(1)))).toEqual(refused("Unauthorized", reason))
    expect(lastOf(await ann.pull(ME))).toEqual(refused("Unauthorized", reason))
  })

  it("[RPC-7] in whose middle the access is revoked ends as Unauthorized", async () => {
    const ann = callerOf("ann", "middle")
    for (let from = 1; from <= 3_000; from += 500) await ann.push(events(from, from + 499))
    const bob = { payload: { as: "bob" } }
    const frames = await ann.pull(bob, "1", { _tag: "Revoke", identity: { user: "bob" } })
    expect(lastOf(frames)).toMatchObject(refused("Unauthorized"))
    expect(seqNumsOf(frames).length).toBeLessThan(3_000)
  })

  it("[RPC-7] in whose middle the log becomes another one is told so", async () => {
    const ann = callerOf("ann", "renewed")
    for (let from = 1; from <= 3_000; from += 500) await ann.push(events(from, from + 499))
    const frames = await ann.pull({}, "1", { _tag: "Renew" })
    expect(lastOf(frames)).toMatchObject(failed({ _tag: "BackendIdMismatchError" }))
    expect(seqNumsOf(frames).length).toBeLessThan(3_000)
  })

  it("[RPC-7][RESTORE-4] is asked once more where the log has become another one unseen", async () => {
    const ann = callerOf("ann", "replaced")
    await ann.push(events(1, 3))
    const db = await miniflare.getD1Database("DB")
    const change = `UPDATE "${REGISTRY_TABLE}" SET backendId = 'another' WHERE storeId = 'replaced'`
    expect((await db.prepare(change).run()).meta.changes).toBe(1)
    const ends: Array<unknown> = []
    // The server asks the log what it is, but not more often than it has to.
    await eventually(async () => {
      const frames = await ann.pull()
      ends.push(lastOf(frames))
      expect(JSON.stringify(frames)).toContain(`"backendId":"another"`)
      expect(seqNumsOf(frames)).toEqual([1, 2, 3])
    })
    expect(new Set(ends.map((end) => JSON.stringify(end)))).toEqual(
      new Set([JSON.stringify(ended)])
    )
  })

  it("[LIMIT-1] is refused if it is too large", async () => {
    const ann = callerOf("ann", "large")
    const large = events(1).map((event) => ({ ...event, args: "x".repeat(500_000) }))
    expect(lastOf(await ann.push(large))).toEqual(
      refused("InvalidRequest", "a call may have 500000 bytes")
    )
  })

  it("[LIMIT-8] is refused if its caller pushes too much, and nobody else's is", async () => {
    const ann = callerOf("ann", "rated")
    for (const from of [1, 1_001, 2_001, 3_001]) {
      expect(lastOf(await ann.push(events(from, from + 999)))).toEqual(accepted)
    }
    const batch = events(4_001, 4_500)
    expect(lastOf(await ann.push(batch))).toMatchObject(refused("RateLimited"))
    expect(lastOf(await ann.push(batch, { payload: { as: "bob" } }))).toEqual(accepted)
  })

  it.each([
    ["a binding that the app has not named", "WEBSOCKET_SERVER", "self", "may not subscribe"],
    ["a binding that is not there", "GONE", "self", "there is no such binding"],
    ["an id of another namespace", "CALLER", "0".repeat(64), "has no such object"],
    ["what is no id", "CALLER", "me", "has no such object"]
  ])("[RPC-3] does not subscribe %s", async (_, bindingName, durableObjectId, reason) => {
    const ann = callerOf("ann", "subscribing")
    const callerContext = { bindingName, durableObjectId }
    const frames = await ann.pull({ rpcContext: { callerContext } })
    expect(frames).toHaveLength(1)
    expect(lastOf(frames)).toMatchObject(refused("PullRejected"))
    expect(JSON.stringify(frames)).toContain(reason)
  })
})

describe("a subscription", () => {
  it("[RPC-4] is called with what is pushed, in order, each once", async () => {
    const ann = callerOf("live-ann", "live")
    await push("live", events(1, 2))
    const frames = await ann.pull(ME)
    expect(seqNumsOf(frames)).toEqual([1, 2])
    // That nothing came in the 500 ms after is not told.
    expect(frames.map(({ _tag }) => _tag)).toEqual(["Chunk", "Exit"])
    for (const from of [3, 5, 7]) await push("live", events(from, from + 1))
    await eventually(async () => expect(seqNumsOf(await ann.updates())).toEqual(range(3, 8)))
    for (const update of await ann.updates()) {
      expect(Schema.decodeUnknownSync(DoRpcMessage.Update)(update)).toMatchObject({
        requestId: rpcIdOf(frames)
      })
    }
  })

  it("[RPC-4] is told in its pull of what is pushed before that has ended", async () => {
    const ann = callerOf("early-ann", "early")
    const pulling = ann.pull(ME)
    // The first answer of the store: from then on it is pulled.
    await eventually(async () => {
      const http = new HttpClient(url, "early")
      expect(exitOf(await http.send(http.pullFrame()))).toEqual(ended)
    })
    for (const seqNum of range(1, 5)) await push("early", events(seqNum))
    const frames = await pulling
    await push("early", events(6))
    await eventually(async () =>
      expect([...seqNumsOf(frames), ...seqNumsOf(await ann.updates())]).toEqual(range(1, 6))
    )
  })

  it("[RPC-4] begins after ten rounds, whatever comes", async () => {
    /** Pushes until a pull has ended. `longest`: between two pushes, in ms. */
    const pullBusily = async (storeId: string) => {
      const ann = callerOf(`${storeId}-ann`, storeId)
      const pulling = ann.pull(ME)
      let head = 0
      let longest = 0
      let frames: ReadonlyArray<Json> | undefined
      while (frames === undefined) {
        head += 1
        const before = performance.now()
        await push(storeId, events(head))
        // Often enough for each round, and well below the limits.
        frames = await Promise.race([pulling, setTimeout(50, undefined)])
        longest = Math.max(longest, performance.now() - before)
      }
      return { ann, frames, head, longest }
    }
    let last = await pullBusily("busy")
    // On a machine that has no time for the pushes, nothing comes for 500 ms, and the pull may end.
    for (let again = 1; last.longest > 400 && again < 5; again++) {
      last = await pullBusily(`busy-${again}`)
    }
    const { ann, frames, head } = last
    expect(lastOf(frames)).toEqual(ended)
    // The first may have come before there was an event.
    expect(frames.length).toBeGreaterThanOrEqual(11)
    await push(ann.storeId, events(head + 1))
    await eventually(async () =>
      expect([...seqNumsOf(frames), ...seqNumsOf(await ann.updates())]).toEqual(range(1, head + 1))
    )
  }, 60_000)

  it("[RPC-5] outlives the object's memory", async () => {
    const ann = callerOf("asleep-ann", "asleep")
    await ann.pull(ME)
    await push("asleep", events(1))
    await eventually(async () => expect(seqNumsOf(await ann.updates())).toEqual([1]))
    for (const seqNum of [2, 3]) {
      await evict("asleep")
      await push("asleep", events(seqNum))
      await eventually(async () => expect(seqNumsOf(await ann.updates())).toEqual(range(1, seqNum)))
    }
  })

  it("[RPC-6] ends when its object does not answer, after four calls", async () => {
    const [ann, bob] = [callerOf("gone-ann", "gone"), callerOf("gone-bob", "gone")]
    await ann.pull(ME)
    await bob.pull(ME)
    await ann.mute()
    await push("gone", events(1))
    await eventually(async () => expect(await ann.updates()).toHaveLength(4))
    // Its end is known by the next event, which others are sent.
    await eventually(async () => expect(await infoOf("gone")).toContain(`"subscriptions":1`))
    await evict("gone")
    await push("gone", events(2))
    await eventually(async () => expect(seqNumsOf(await bob.updates())).toEqual([1, 2]))
    expect(await ann.updates()).toHaveLength(4)
  })

  it("[RPC-6] ends when its object begins anew, and beyond four of an object", async () => {
    const ann = callerOf("anew-ann", "anew")
    const called = async () => [...new Set((await ann.updates()).map(({ requestId }) => requestId))]
    const ids: Array<string> = []
    for (const id of ["5", "6", "7", "8", "9"]) ids.push(rpcIdOf(await ann.pull(ME, id)))
    await push("anew", events(1))
    await eventually(async () => expect(await called()).toHaveLength(4))
    expect((await called()).toSorted()).toEqual(ids.slice(1).toSorted())
    const anew = rpcIdOf(await ann.pull(ME, "2"))
    await push("anew", events(2))
    // The others end once it has been called.
    await eventually(async () => expect(await called()).toContain(anew))
    await eventually(async () => expect(await infoOf("anew")).toContain(`"subscriptions":1`))
    const before = (await ann.updates()).length
    await push("anew", events(3))
    await eventually(async () => expect(await ann.updates()).toHaveLength(before + 1))
    expect((await ann.updates()).at(-1)).toMatchObject({ requestId: anew })
  })

  it("[RPC-6][AUTH-9] ends when its access is revoked, also while the object sleeps", async () => {
    const ann = callerOf("revoked-ann", "revoked")
    const bob = { payload: { as: "bob" } }
    const revoke = async () => {
      const operation = { _tag: "Revoke", identity: { user: "bob" } }
      const body = JSON.stringify({ storeId: "revoked", operation })
      const answer = await fetch(new URL("/admin?storeId=revoked", url), { method: "POST", body })
      return answer.text()
    }
    await ann.pull({ ...ME, ...bob })
    expect(await revoke()).toContain(`"closed":1`)
    await ann.pull({ ...ME, ...bob })
    await evict("revoked")
    expect(await revoke()).toContain(`"closed":1`)
    expect(await revoke()).toContain(`"closed":0`)
    await push("revoked", events(1))
    expect(await ann.updates()).toEqual([])
  })
})
