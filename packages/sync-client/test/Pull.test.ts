import { describe, expect, it } from "@effect/vitest"
import type { Frame, Message } from "@tidelog/sync-protocol"
import { Effect, Fiber, Option, Queue, Stream } from "effect"
import type { SyncClient } from "../src/index.ts"
import {
  advance,
  answer,
  events,
  makeClient,
  makeOnline,
  page,
  pageOf,
  seqNums,
  settle,
  type TestServer
} from "./TestSocket.ts"

interface Options {
  readonly cursor?: number
  readonly createdAt?: string
  readonly backendId?: string
  readonly live?: boolean
}

/** A pull whose consumer takes a page when the test says so. */
const pullSlowly = (client: SyncClient.SyncClientService, options: Options = {}) =>
  Effect.gen(function* () {
    const tickets = yield* Queue.unbounded<void>()
    const pages: Array<Message.PullResponse> = []
    const fiber = yield* Stream.repeatEffect(Queue.take(tickets)).pipe(
      Stream.zipRight(
        client.pull({
          cursor: options.cursor ?? 0,
          backendId: Option.fromNullable(options.backendId),
          live: options.live ?? true
        })
      ),
      Stream.runForEach((page) => Effect.sync(() => pages.push(page))),
      Effect.fork
    )
    yield* settle
    const take = (count = 1) =>
      Effect.zipRight(Effect.repeatN(Queue.offer(tickets, undefined), count - 1), settle)
    return { fiber, pages, take }
  })

/** A pull whose consumer is always hungry. */
const pullAll = (client: SyncClient.SyncClientService, options: Options = {}) =>
  Effect.gen(function* () {
    const pages: Array<Message.PullResponse> = []
    const fiber = yield* client
      .pull({
        cursor: options.cursor ?? 0,
        createdAt: options.createdAt,
        backendId: Option.fromNullable(options.backendId),
        live: options.live ?? true
      })
      .pipe(
        Stream.runForEach((page) => Effect.sync(() => pages.push(page))),
        Effect.fork
      )
    yield* settle
    return { fiber, pages, read: () => pages.flatMap(seqNums) }
  })

/** A page of events of 100 kB. */
const large = (from: number, to: number, remaining: number) =>
  pageOf(
    events(from, to).map((event) => ({ ...event, args: "x".repeat(100_000) })),
    remaining
  )

const cursorOf = (pull: Message.PullRequest | undefined) => pull?.cursor.pipe(Option.getOrUndefined)

const isRunning = (fiber: Fiber.Fiber<unknown, unknown>) =>
  Effect.map(Fiber.poll(fiber), Option.isNone)

/** The connection ends, and the next one opens. */
const loseAndReturn = (server: TestServer, code = 1006) =>
  Effect.gen(function* () {
    // Long enough to have worked.
    yield* advance("10 seconds")
    server.latest.hangUp(code)
    yield* advance("2 seconds")
    return yield* answer(server)
  })

/** The same page, with times that tell its events apart. */
const timed = ({ batch, ...rest }: Message.PullResponse): Message.PullResponse => ({
  ...rest,
  batch: batch.map(({ eventEncoded }) => ({
    eventEncoded,
    metadata: Option.some({
      _tag: "SyncMessage.SyncMetadata",
      createdAt: `at ${eventEncoded.seqNum}`
    })
  }))
})

describe("Pull", () => {
  it.scoped(
    "[CLIENT-3] a live pull goes on over a new connection, without repetition or loss",
    () =>
      Effect.gen(function* () {
        const { client, server, socket } = yield* makeOnline()
        const { fiber, read } = yield* pullAll(client)
        expect(socket.pulls).toMatchObject([{ id: "1", live: true, cursor: { _tag: "None" } }])
        socket.page("1", page(0, 3))
        yield* settle
        for (const code of [1006, 1000, 1001, 1008, 1011, 1012, 1013]) {
          const second = yield* loseAndReturn(server, code)
          const [pull] = second.pulls
          expect(cursorOf(pull)).toEqual({
            backendId: "backend-1",
            eventSequenceNumber: read().length
          })
          // This server repeats two events.
          second.page(pull?.id ?? "", page(read().length - 2, read().length + 1))
          yield* settle
        }
        expect(read()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
        expect(yield* isRunning(fiber)).toBe(true)
      })
  )

  it.scoped(
    "[CLIENT-12] says which event it stands on, at first and on every later connection",
    () =>
      Effect.gen(function* () {
        const { client, server, socket } = yield* makeOnline()
        const { read } = yield* pullAll(client, {
          cursor: 3,
          createdAt: "third",
          backendId: "backend-1"
        })
        expect(cursorOf(socket.pulls[0])).toEqual({
          backendId: "backend-1",
          eventSequenceNumber: 3,
          createdAt: "third"
        })
        socket.page("1", timed(page(3, 5)))
        yield* settle
        const second = yield* loseAndReturn(server, 1006)
        expect(cursorOf(second.pulls[0])).toMatchObject({
          eventSequenceNumber: 5,
          createdAt: "at 5"
        })
        // The next event comes without a time: what is known is of another one.
        second.page(second.pulls[0]?.id ?? "", page(5, 6))
        yield* settle
        const third = yield* loseAndReturn(server, 1006)
        expect(cursorOf(third.pulls[0])).toMatchObject({ eventSequenceNumber: 6 })
        expect(cursorOf(third.pulls[0])?.createdAt).toBeUndefined()
        expect(read()).toEqual([4, 5, 6])
      })
  )

  it.scoped("[CLIENT-3] one that starts while there is no network waits for it", () =>
    Effect.gen(function* () {
      const { client, server } = yield* makeClient()
      const { fiber, read } = yield* pullAll(client, { cursor: 7, backendId: "backend-1" })
      for (let minute = 0; minute < 5; minute++) {
        server.latest.hangUp()
        yield* advance("1 minute")
      }
      expect(yield* isRunning(fiber)).toBe(true)
      yield* client.reconnect
      const socket = yield* answer(server)
      expect(cursorOf(socket.pulls[0])).toEqual({ backendId: "backend-1", eventSequenceNumber: 7 })
      socket.page(socket.pulls[0]?.id ?? "", page(7, 9))
      yield* settle
      expect(read()).toEqual([8, 9])
    })
  )

  it.scoped("[CLIENT-3][CLIENT-12] what had arrived and was not taken is not pulled again", () =>
    Effect.gen(function* () {
      const { client, server, socket } = yield* makeOnline()
      const { pages, take } = yield* pullSlowly(client)
      for (const from of [0, 2, 4, 6, 8]) socket.page("1", timed(page(from, from + 2)))
      yield* take()
      const second = yield* loseAndReturn(server)
      expect(cursorOf(second.pulls[0])).toMatchObject({
        eventSequenceNumber: 10,
        createdAt: "at 10"
      })
      second.page(second.pulls[0]?.id ?? "", page(10, 12))
      yield* take(3)
      expect(pages.flatMap(seqNums)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
    })
  )

  it.scoped(
    "[CLIENT-3] a chunk that does not continue the chain is pulled again from the cursor",
    () =>
      Effect.gen(function* () {
        const { client, server, socket } = yield* makeOnline()
        const { read } = yield* pullAll(client)
        socket.page("1", page(0, 3))
        socket.page("1", page(4, 6))
        yield* settle
        expect(socket.interrupts).toEqual(["1"])
        expect(cursorOf(socket.pulls[1])).toEqual({
          backendId: "backend-1",
          eventSequenceNumber: 3
        })
        // The old request is nobody's any more.
        socket.page("1", page(3, 6))
        yield* settle
        expect(read()).toEqual([1, 2, 3])
        socket.page(socket.pulls[1]?.id ?? "", page(3, 8))
        yield* settle
        expect(read()).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
        expect(server.sockets.length).toBe(1)
      })
  )

  it.scoped("[CLIENT-3] while pages of a backlog are owed, an early live chunk is only noted", () =>
    Effect.gen(function* () {
      const { client, socket } = yield* makeOnline()
      const { read } = yield* pullAll(client)
      socket.page("1", page(0, 2, 4))
      socket.page("1", page(6, 7))
      socket.page("1", page(2, 4, 2))
      yield* settle
      expect(socket.pulls.length).toBe(1)
      socket.page("1", page(4, 6))
      yield* settle
      expect(read()).toEqual([1, 2, 3, 4, 5, 6])
      expect(cursorOf(socket.pulls[1])).toMatchObject({ eventSequenceNumber: 6 })
      socket.page(socket.pulls[1]?.id ?? "", page(6, 7))
      yield* settle
      expect(read()).toEqual([1, 2, 3, 4, 5, 6, 7])
    })
  )

  /** Two events, then a gap. */
  const broken = pageOf([...events(0, 2), ...events(4, 6)])
  const GAP = "the log has no event that follows 2"

  it.scoped(
    "[CLIENT-4] a log that is no chain is read as far as it is one, and the status says so",
    () =>
      Effect.gen(function* () {
        const { client, socket } = yield* makeOnline()
        const { fiber, read } = yield* pullAll(client)
        const lastId = () => socket.pulls.at(-1)?.id ?? ""
        socket.page(lastId(), broken)
        yield* settle
        expect(read()).toEqual([1, 2])
        for (let round = 0; round < 3; round++) {
          expect(cursorOf(socket.pulls.at(-1))).toMatchObject({ eventSequenceNumber: 2 })
          // As the official server sends a backlog: more is to come, and does not.
          socket.page(lastId(), pageOf(events(4, 5), 1), pageOf(events(5, 6)))
          yield* advance("9 seconds")
          expect((yield* client.status.get).pullRejected).toBe(round === 0 ? undefined : GAP)
          yield* advance("1 second")
          const status = yield* client.status.get
          expect([status._tag, status.pullRejected]).toEqual(["Online", GAP])
          yield* advance("30 seconds")
          expect(socket.pulls).toHaveLength(3 + round)
        }
        expect(socket.closedWith).toBeUndefined()
        socket.page(lastId(), page(2, 6))
        yield* advance("1 second")
        expect(read()).toEqual([1, 2, 3, 4, 5, 6])
        expect((yield* client.status.get).pullRejected).toBeUndefined()
        expect(yield* isRunning(fiber)).toBe(true)
      })
  )

  it.scoped(
    "[CLIENT-4] a log that is no chain fails a pull that is not live, behind its chain",
    () =>
      Effect.gen(function* () {
        for (const [first, again, delivered] of [
          [broken, pageOf(events(4, 6)), [1, 2]],
          [pageOf(events(2, 6)), pageOf(events(2, 6)), []]
        ] as const) {
          const { client, socket } = yield* makeOnline()
          const { fiber, read } = yield* pullAll(client, { live: false })
          for (const answer of [first, again]) {
            const id = socket.pulls.at(-1)?.id ?? ""
            socket.page(id, answer)
            socket.say({ _tag: "Exit", requestId: id, exit: { _tag: "Success" } })
            yield* settle
          }
          expect(read()).toEqual(delivered)
          expect(yield* Effect.flip(Fiber.join(fiber))).toMatchObject({
            _tag: "RequestFailed",
            message: `the log has no event that follows ${delivered.length}`
          })
          expect(socket.pulls).toHaveLength(2)
        }
      })
  )

  it.scoped(
    "[CLIENT-3] a slow log is no broken one, though a later event comes between its pages",
    () =>
      Effect.gen(function* () {
        const { client, socket } = yield* makeOnline()
        const { fiber, read } = yield* pullAll(client, { live: false })
        socket.page("1", page(0, 2, 4))
        // The official server sends what is pushed to all.
        socket.page("1", page(6, 7))
        for (const from of [2, 4]) {
          yield* advance("25 seconds")
          expect(socket.pulls).toHaveLength(1)
          socket.page("1", page(from, from + 2, 4 - from))
        }
        yield* settle
        expect(read()).toEqual([1, 2, 3, 4, 5, 6])
        // What came between is pulled as well.
        socket.page(socket.pulls[1]?.id ?? "", page(6, 7))
        socket.say({
          _tag: "Exit",
          requestId: socket.pulls[1]?.id ?? "",
          exit: { _tag: "Success" }
        })
        yield* Fiber.join(fiber)
        expect(read()).toEqual([1, 2, 3, 4, 5, 6, 7])
      })
  )

  it.scoped("[CLIENT-4] between two pages a lost connection fails the pull, once", () =>
    Effect.gen(function* () {
      const { client, server, socket } = yield* makeOnline()
      const { fiber, read } = yield* pullAll(client)
      socket.page("1", page(0, 2, 3))
      yield* settle
      yield* advance("1 second")
      socket.hangUp(1001)
      yield* settle
      expect(yield* Fiber.join(fiber).pipe(Effect.flip)).toMatchObject({ _tag: "ConnectionLost" })
      expect(read()).toEqual([1, 2])

      // LiveStore pulls again at once, and without any pause in between: that one waits.
      const again = yield* pullAll(client, { cursor: 2, backendId: "backend-1" })
      for (let attempt = 0; attempt < 5; attempt++) {
        yield* advance("30 seconds")
        server.latest.hangUp()
        yield* settle
      }
      expect(yield* isRunning(again.fiber)).toBe(true)
      yield* client.reconnect
      const second = yield* answer(server)
      expect(second.pulls.length).toBe(1)
      second.page(second.pulls[0]?.id ?? "", page(2, 5))
      yield* settle
      expect(again.read()).toEqual([3, 4, 5])
    })
  )

  it.scoped(
    "[CLIENT-4] pages that wait behind the first are no reason to wait for the network",
    () =>
      Effect.gen(function* () {
        const { client, socket } = yield* makeOnline()
        const { fiber, pages, take } = yield* pullSlowly(client)
        yield* take()
        socket.page("1", page(0, 2, 6))
        yield* advance("1 second")
        expect(pages.flatMap(seqNums)).toEqual([1, 2])
        socket.page("1", page(2, 4, 4))
        socket.page("1", page(4, 6, 2))
        yield* settle
        socket.hangUp()
        yield* settle
        yield* take(3)
        expect(yield* isRunning(fiber)).toBe(false)
        expect(pages.flatMap(seqNums)).toEqual([1, 2])
      })
  )

  it.scoped("[CLIENT-4] a pull that is not live resumes likewise, and ends with its Exit", () =>
    Effect.gen(function* () {
      const { client, server, socket } = yield* makeOnline()
      const { fiber, read } = yield* pullAll(client, { live: false })
      expect(socket.pulls[0]?.live).toBe(false)
      const second = yield* loseAndReturn(server)
      const id = second.pulls[0]?.id ?? ""
      second.page(id, page(0, 2, 2))
      second.page(id, page(2, 4))
      second.say({ _tag: "Exit", requestId: id, exit: { _tag: "Success" } })
      yield* settle
      expect(yield* Fiber.join(fiber)).toBeUndefined()
      expect(read()).toEqual([1, 2, 3, 4])
      // The official server would go on sending to it.
      expect(second.interrupts).toEqual([id])
      yield* loseAndReturn(server)
      expect(server.latest.pulls).toEqual([])
    })
  )

  it.scoped(
    "what had arrived before the Exit is still delivered, also over a lost connection",
    () =>
      Effect.gen(function* () {
        const { client, socket } = yield* makeOnline()
        const { fiber, pages, take } = yield* pullSlowly(client, { live: false })
        socket.page("1", page(0, 2, 2))
        socket.page("1", page(2, 4))
        socket.say({ _tag: "Exit", requestId: "1", exit: { _tag: "Success" } })
        yield* settle
        socket.hangUp()
        yield* take(5)
        expect(yield* Fiber.join(fiber)).toBeUndefined()
        expect(pages.flatMap(seqNums)).toEqual([1, 2, 3, 4])
      })
  )

  it.scoped("an empty log yields one empty page, however often it is asked", () =>
    Effect.gen(function* () {
      const { client, server, socket } = yield* makeOnline()
      const { pages } = yield* pullAll(client)
      socket.page("1", page(0, 0))
      const second = yield* loseAndReturn(server)
      second.page(second.pulls[0]?.id ?? "", page(0, 0))
      yield* settle
      expect(pages).toEqual([page(0, 0)])
    })
  )

  it.scoped("[CLIENT-8] what the consumer takes at once is acknowledged early, and no more", () =>
    Effect.gen(function* () {
      const { client, socket } = yield* makeOnline()
      const { pages, take } = yield* pullSlowly(client)
      // The stream's own machinery takes the first.
      socket.page("1", page(0, 1))
      yield* settle
      const early = socket.acks.length
      for (let index = 0; index < 9; index++) {
        socket.page("1", page(1 + index * 300, 1 + (index + 1) * 300))
      }
      yield* settle
      // 300, 600, 900: there is still room for one.
      expect(socket.acks.length).toBe(early + 4)
      yield* take()
      yield* take()
      expect(pages.map(({ batch }) => batch.length)).toEqual([1, 1_200])
      expect(socket.acks.length).toBeLessThanOrEqual(early + 9)
      yield* take(2)
      expect(pages.map(({ batch }) => batch.length)).toEqual([1, 1_200, 1_200, 300])
      expect(socket.acks.length).toBe(10)
    })
  )

  it.scoped("[CLIENT-8] a server that says so is acknowledged once in ten live events", () =>
    Effect.gen(function* () {
      const { client, server, socket } = yield* makeOnline()
      const { read } = yield* pullAll(client)
      const acks = () =>
        server.latest.frames.flatMap((frame) => (frame._tag === "Ack" ? [frame.chunks ?? 1] : []))
      expect(socket.pulls[0]?.sparing).toBe(true)
      const sparingAcks = true
      socket.say({ _tag: "Chunk", requestId: "1", values: [page(0, 0)], server: { sparingAcks } })
      yield* settle
      expect(acks()).toEqual([1])
      for (let seqNum = 0; seqNum < 100; seqNum++) {
        socket.page("1", page(seqNum, seqNum + 1))
        yield* settle
      }
      expect(acks()).toEqual([1, ...Array.from({ length: 10 }, () => 10)])
      // A page of a backlog is waited for, together with what is owed.
      socket.page("1", page(100, 101))
      socket.page("1", page(101, 103, 2))
      yield* settle
      expect(acks().slice(11)).toEqual([2])
      socket.page("1", page(103, 120))
      yield* settle
      expect(acks().slice(12)).toEqual([1])
      expect(read()).toHaveLength(120)
      // The next server may be another one.
      const second = yield* loseAndReturn(server)
      second.page(second.pulls[0]?.id ?? "", page(120, 121))
      second.page(second.pulls[0]?.id ?? "", page(121, 122))
      yield* settle
      expect(acks()).toEqual([1, 1])
    })
  )

  it.scoped("[CLIENT-16] small pages of a backlog are given to the consumer as one", () =>
    Effect.gen(function* () {
      const { client, socket } = yield* makeOnline()
      const { pages } = yield* pullAll(client)
      for (let from = 0; from < 2_400; from += 100) {
        socket.page("1", page(from, from + 100, 2_450 - from - 100))
      }
      yield* settle
      expect(pages.map(({ batch }) => batch.length)).toEqual([1_000, 1_000])
      expect(pages[0]?.pageInfo).toEqual({ _tag: "MoreKnown", remaining: 1_450 })
      socket.page("1", page(2_400, 2_450))
      yield* settle
      expect(pages.map(({ batch }) => batch.length)).toEqual([1_000, 1_000, 450])
      expect(pages.map(({ pageInfo }) => pageInfo._tag)).toEqual([
        "MoreKnown",
        "MoreKnown",
        "NoMore"
      ])
      // Live events do not wait for each other.
      socket.page("1", page(2_450, 2_451))
      yield* settle
      expect(pages.at(-1)?.batch).toHaveLength(1)
    })
  )

  it.scoped(
    "[CLIENT-16] no more than a megabyte, and on a slow link what there is after a second",
    () =>
      Effect.gen(function* () {
        const { client, socket } = yield* makeOnline()
        const { pages } = yield* pullAll(client)
        for (const from of [0, 4, 8]) socket.page("1", large(from, from + 4, 100 - from))
        yield* settle
        expect(pages.map(({ batch }) => batch.length)).toEqual([12])
        socket.page("1", large(12, 16, 84))
        yield* advance(999)
        expect(pages).toHaveLength(1)
        yield* advance(1)
        expect(pages.map(({ batch }) => batch.length)).toEqual([12, 4])
      })
  )

  it.scoped("[CLIENT-16] a frame of several pages counts once", () =>
    Effect.gen(function* () {
      const { client, socket } = yield* makeOnline()
      const { pages } = yield* pullAll(client)
      socket.page("1", large(0, 2, 4), large(2, 4, 2), large(4, 6, 0))
      yield* settle
      expect(pages.map(({ batch }) => batch.length)).toEqual([6])
    })
  )

  it.scoped("[CLIENT-16] what has come of a backlog is not lost with the connection", () =>
    Effect.gen(function* () {
      const { client, server, socket } = yield* makeOnline()
      const { pages, read } = yield* pullAll(client)
      socket.page("1", page(0, 100, 300))
      socket.page("1", page(100, 200, 200))
      yield* settle
      expect(pages).toEqual([])
      socket.hangUp()
      yield* settle
      expect(read()).toHaveLength(200)
      const again = yield* pullAll(client, { cursor: 200, backendId: "backend-1" })
      yield* advance("1 second")
      const second = yield* answer(server)
      second.page(second.pulls[0]?.id ?? "", page(200, 400))
      yield* settle
      expect(again.read()).toHaveLength(200)
    })
  )

  it.scoped(
    "[CLIENT-8] one Ack for a chunk of several pages, and for one of none that is new",
    () =>
      Effect.gen(function* () {
        const { client, socket } = yield* makeOnline()
        const { pages } = yield* pullAll(client)
        socket.page("1", page(0, 1, 2), page(1, 3), page(1, 3))
        yield* settle
        expect(pages.flatMap(seqNums)).toEqual([1, 2, 3])
        expect(socket.acks).toEqual(["1"])
        socket.page("1", page(0, 3))
        yield* settle
        expect(pages.length).toBe(1)
        expect(socket.acks).toEqual(["1", "1"])
      })
  )

  it.scoped("[CLIENT-8] a consumer that stands still bounds what waits for it", () =>
    Effect.gen(function* () {
      const { client, server, socket } = yield* makeOnline()
      const { pages, take } = yield* pullSlowly(client)
      const hundred = (index: number) => page(index * 100, index * 100 + 100)
      for (let index = 0; index < 100; index++) socket.page("1", hundred(index))
      yield* settle
      expect(socket.interrupts).toEqual(["1"])
      // Nobody is to blame but the consumer: that is no reason to leave the connection.
      yield* advance("10 minutes")
      expect(server.sockets.length).toBe(1)
      yield* take(60)
      const read = pages.flatMap(seqNums)
      expect(read.length).toBeGreaterThan(1_600)
      expect(read.length).toBeLessThan(6_000)
      expect(cursorOf(socket.pulls[1])).toMatchObject({ eventSequenceNumber: read.length })
      socket.page(socket.pulls[1]?.id ?? "", page(read.length, 10_000))
      yield* settle
      expect(pages.flatMap(seqNums)).toEqual(
        Array.from({ length: 10_000 }, (_, index) => index + 1)
      )
    })
  )

  it.scoped("[CLIENT-8] what came over another connection is acknowledged to nobody", () =>
    Effect.gen(function* () {
      const { client, server, socket } = yield* makeOnline()
      const { pages, take } = yield* pullSlowly(client)
      const large = (index: number) => page(index * 500, index * 500 + 500)
      for (let index = 0; index < 8; index++) socket.page("1", large(index))
      yield* settle
      const acknowledged = socket.acks.length
      expect(acknowledged).toBeLessThan(8)
      const second = yield* loseAndReturn(server)
      yield* take(8)
      expect(pages.flatMap(seqNums)).toHaveLength(4_000)
      expect([socket.acks.length, second.acks]).toEqual([acknowledged, []])
      second.page(second.pulls[0]?.id ?? "", large(8))
      yield* settle
      expect(second.acks).toHaveLength(1)
    })
  )

  const bringNothing: ReadonlyArray<
    readonly [
      string,
      (end: number) => readonly [Message.PullResponse, ...Array<Message.PullResponse>]
    ]
  > = [
    ["a repeated page", (end) => [page(end - 1, end)]],
    ["an empty page", () => [page(0, 0)]],
    ["a page that is put off, and an empty last one", (end) => [page(end, end + 1), page(0, 0)]],
    ["a page that is put off, and an empty one", (end) => [page(end, end + 1), page(0, 0, 5)]]
  ]
  for (const [what, chunk] of bringNothing) {
    it.scoped(`[CLIENT-3] a live pull goes on after ${what} to a full inbox`, () =>
      Effect.gen(function* () {
        const { client, server, socket } = yield* makeOnline()
        const { pages, take } = yield* pullSlowly(client)
        const large = (index: number) => page(index * 500, index * 500 + 500)
        for (let index = 0; index < 32; index++) socket.page("1", large(index))
        yield* settle
        // What is acknowledged, and what the stream's own machinery has in hand, does not wait.
        const full = 32 + socket.acks.length
        for (let index = 32; index < full; index++) socket.page("1", large(index))
        yield* settle
        const end = full * 500
        socket.page("1", ...chunk(end))
        yield* settle
        yield* take(60)
        expect(pages.flatMap(seqNums).length).toBe(end)
        const pull = socket.pulls.at(-1)
        socket.page(pull?.id ?? "", page(end, end + 7))
        yield* settle
        expect(pages.flatMap(seqNums)).toEqual(
          Array.from({ length: end + 7 }, (_, index) => index + 1)
        )
        yield* advance("5 minutes")
        expect(server.sockets.length).toBe(1)
      })
    )
  }

  it.scoped(
    "[CLIENT-10] without a backendId it pulls from the start and leaves out what it has",
    () =>
      Effect.gen(function* () {
        const { client, server, socket } = yield* makeOnline()
        const { pages, read } = yield* pullAll(client, { cursor: 5 })
        expect(socket.pulls[0]?.cursor).toEqual(Option.none())
        socket.page("1", page(0, 3, 5))
        socket.page("1", page(3, 6, 2))
        socket.page("1", page(6, 8))
        yield* settle
        expect(read()).toEqual([6, 7, 8])
        expect(pages.map(({ pageInfo }) => pageInfo._tag)).toEqual(["NoMore"])
        expect(socket.acks.length).toBe(3)
        const second = yield* loseAndReturn(server)
        expect(cursorOf(second.pulls[0])).toEqual({
          backendId: "backend-1",
          eventSequenceNumber: 8
        })
      })
  )

  it.scoped("another log is told by the server, or by the pages themselves", () =>
    Effect.gen(function* () {
      const { client, socket } = yield* makeOnline()
      const told = yield* pullAll(client, { cursor: 5, backendId: "backend-1" })
      socket.fail("1", { _tag: "BackendIdMismatchError", expected: "b2", received: "backend-1" })
      yield* settle
      expect(yield* Effect.flip(Fiber.join(told.fiber))).toMatchObject({
        _tag: "BackendIdMismatchError",
        expected: "b2"
      })
      const seen = yield* pullAll(client, { cursor: 5, backendId: "backend-1" })
      socket.page("2", pageOf(events(5, 6), 0, "b2"))
      yield* settle
      expect(yield* Effect.flip(Fiber.join(seen.fiber))).toMatchObject({
        _tag: "BackendIdMismatchError",
        expected: "b2",
        received: "backend-1"
      })
      expect(seen.read()).toEqual([])
    })
  )

  const refusal = {
    _tag: "UnknownError",
    cause: { name: "PullRejected", message: "not for you" }
  }

  it.scoped(
    "[CLIENT-25] a live pull that is refused waits, is asked again, and disturbs no other",
    () =>
      Effect.gen(function* () {
        const { client, server, socket } = yield* makeOnline()
        const refused = yield* pullAll(client)
        const other = yield* pullAll(client)
        socket.fail("1", refusal)
        socket.page("2", page(0, 1))
        yield* advance("1 second")
        expect(yield* client.status.get).toMatchObject({
          _tag: "Online",
          pullRejected: "not for you"
        })
        expect(other.read()).toEqual([1])
        yield* advance("28 seconds")
        expect(socket.pulls).toHaveLength(2)
        yield* advance("10 seconds")
        expect(socket.pulls).toHaveLength(3)
        socket.fail(socket.pulls[2]?.id ?? "", refusal)
        yield* settle
        // The app has mended it.
        yield* client.reconnect
        yield* settle
        expect(socket.pulls).toHaveLength(4)
        socket.page(socket.pulls[3]?.id ?? "", page(0, 2))
        yield* advance("1 second")
        expect(refused.read()).toEqual([1, 2])
        expect((yield* client.status.get).pullRejected).toBeUndefined()
        socket.fail("2", refusal)
        yield* settle
        const second = yield* loseAndReturn(server)
        expect(second.pulls).toHaveLength(2)
        expect(yield* isRunning(refused.fiber)).toBe(true)
        expect(yield* isRunning(other.fiber)).toBe(true)
      })
  )

  it.scoped("one that is not live fails with the server's error", () =>
    Effect.gen(function* () {
      const { client, socket } = yield* makeOnline()
      const { fiber } = yield* pullAll(client, { live: false })
      socket.fail("1", refusal)
      yield* settle
      expect(yield* Effect.flip(Fiber.join(fiber))).toMatchObject({ _tag: "UnknownError" })
    })
  )

  const exits: ReadonlyArray<readonly [string, Frame.Exit["exit"]]> = [
    ["a defect", { _tag: "Failure", cause: { _tag: "Die", defect: "payload {token}" } }],
    ["another dialect", { _tag: "Failure", cause: [{ _tag: "Fail", error: {} }] }]
  ]
  for (const [what, exit] of exits) {
    it.scoped(
      `[CLIENT-25] ${what} as the answer may pass with a new connection, for a live pull always`,
      () =>
        Effect.gen(function* () {
          const { client, server } = yield* makeOnline()
          const { fiber } = yield* pullAll(client, { live: false })
          const live = yield* pullAll(client)
          const failAll = Effect.sync(() => {
            const socket = server.latest
            for (const { id } of socket.pulls) socket.say({ _tag: "Exit", requestId: id, exit })
            return socket
          })
          for (let round = 0; round < 2; round++) {
            const socket = yield* failAll
            yield* settle
            expect(socket.closedWith).toBe(1000)
            yield* advance("1 second")
            yield* answer(server)
          }
          expect(yield* isRunning(fiber)).toBe(true)
          yield* failAll
          yield* settle
          const error = yield* Effect.flip(Fiber.join(fiber))
          expect(error).toMatchObject({ _tag: "RequestFailed" })
          expect(JSON.stringify(error)).not.toContain("token")
          const next = advance("1 second").pipe(
            Effect.zipRight(client.reconnect),
            Effect.zipRight(answer(server))
          )
          for (let round = 0; round < 5; round++) {
            yield* next
            yield* failAll
            yield* settle
          }
          const socket = yield* next
          socket.page(socket.pulls[0]?.id ?? "", page(0, 1))
          yield* settle
          expect(socket.pulls).toMatchObject([{ live: true }])
          expect(live.read()).toEqual([1])
        })
    )
  }

  it.scoped("a live pull that the server ends or interrupts goes on", () =>
    Effect.gen(function* () {
      const { client, server, socket } = yield* makeOnline()
      const { fiber, read } = yield* pullAll(client)
      socket.page("1", page(0, 2))
      socket.say({ _tag: "Exit", requestId: "1", exit: { _tag: "Success" } })
      yield* settle
      expect(cursorOf(socket.pulls[1])).toMatchObject({ eventSequenceNumber: 2 })
      for (let round = 0; round < 10; round++) {
        const socket = server.latest
        socket.say({
          _tag: "Exit",
          requestId: socket.pulls.at(-1)?.id ?? "",
          exit: { _tag: "Failure", cause: { _tag: "Interrupt", fiberId: { _tag: "None" } } }
        })
        yield* settle
        expect(socket.closedWith).toBe(1000)
        yield* client.reconnect
        yield* answer(server)
      }
      expect(yield* isRunning(fiber)).toBe(true)
      server.latest.page(server.latest.pulls[0]?.id ?? "", page(2, 3))
      yield* settle
      expect(read()).toEqual([1, 2, 3])
    })
  )

  it.scoped("a pull that is not answered within 30 s replaces the connection", () =>
    Effect.gen(function* () {
      const { client, server, socket } = yield* makeOnline()
      const { read } = yield* pullAll(client)
      yield* advance(29_999)
      expect(server.sockets.length).toBe(1)
      yield* advance(1)
      expect(socket.closedWith).toBe(1000)
      yield* answer(server)
      server.latest.page(server.latest.pulls[0]?.id ?? "", page(0, 2))
      yield* settle
      expect(read()).toEqual([1, 2])
      // Nothing is owed: silence for hours is fine.
      yield* advance("5 minutes")
      expect(server.sockets.length).toBe(2)
    })
  )

  it.scoped("on a slow link each next connection waits twice as long for what it owes", () =>
    Effect.gen(function* () {
      const { client, server } = yield* makeOnline()
      yield* pullAll(client)
      // A page is on its way, and all pongs are behind it.
      for (const seconds of [15, 20, 30, 50, 50]) {
        const socket = server.latest
        socket.answersPings = false
        yield* advance(seconds * 1_000 - 1)
        expect(socket.closedWith).toBeUndefined()
        yield* advance(1)
        expect(socket.closedWith).toBe(1000)
        yield* client.reconnect
        yield* answer(server)
      }
      server.latest.hangUp()
      yield* settle
      yield* client.reconnect
      const socket = yield* answer(server)
      socket.answersPings = false
      yield* advance("15 seconds")
      expect(socket.closedWith).toBe(1000)
    })
  )

  it.scoped("a head of 0 is no cursor, although the log is known", () =>
    Effect.gen(function* () {
      const { client, socket } = yield* makeOnline()
      yield* pullAll(client, { cursor: 0, backendId: "backend-1" })
      expect(socket.pulls[0]?.cursor).toEqual(Option.none())
    })
  )

  it.scoped("a page that is owed and does not come replaces it as well", () =>
    Effect.gen(function* () {
      const { client, socket } = yield* makeOnline()
      const { fiber } = yield* pullAll(client)
      yield* advance("20 seconds")
      socket.page("1", page(0, 2, 5))
      yield* advance(29_999)
      expect(socket.closedWith).toBeUndefined()
      yield* advance(1)
      expect(socket.closedWith).toBe(1000)
      expect(yield* Effect.flip(Fiber.join(fiber))).toMatchObject({ _tag: "ConnectionLost" })
    })
  )

  it.scoped("interrupting a pull tells the server, and its ids are never used again", () =>
    Effect.gen(function* () {
      const { client, server, socket } = yield* makeOnline()
      const first = yield* pullAll(client)
      const other = yield* pullAll(client, { cursor: 2, backendId: "backend-1" })
      yield* Fiber.interrupt(first.fiber)
      expect(socket.interrupts).toEqual(["1"])
      socket.page("1", page(0, 4))
      socket.page("2", page(2, 4))
      yield* settle
      expect(first.read()).toEqual([])
      expect(other.read()).toEqual([3, 4])
      const ids: Array<string> = socket.pulls.map(({ id }) => id)
      for (let round = 0; round < 3; round++) {
        const next = yield* loseAndReturn(server)
        ids.push(...next.pulls.map(({ id }) => id))
      }
      expect(ids).toEqual(["1", "2", "3", "4", "5"])
    })
  )

  it.scoped("frames that come after a connection was left are not heard", () =>
    Effect.gen(function* () {
      const { client, server, socket } = yield* makeOnline()
      const { read } = yield* pullAll(client)
      socket.page("1", page(0, 2))
      yield* settle
      socket.answersPings = false
      yield* advance("15 seconds")
      const second = yield* answer(server)
      expect(second).not.toBe(socket)
      socket.page("1", page(2, 4))
      socket.hangUp(4401, "too late")
      yield* settle
      expect(read()).toEqual([1, 2])
      expect(yield* client.status.get).toMatchObject({ _tag: "Online" })
    })
  )
})
