import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Option, Schedule, Stream } from "effect"
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
  settle
} from "./TestSocket.ts"
import type { TestSocket } from "./TestSocket.ts"

const push = (client: SyncClient.SyncClientService, from: number, to: number) =>
  client.push(events(from, to), { backendId: Option.some("backend-1") })

const isRunning = (fiber: Fiber.Fiber<unknown, unknown>) =>
  Effect.map(Fiber.poll(fiber), Option.isNone)

describe("Push", () => {
  it.scoped("[CLIENT-5] a push is sent once per connection, until it is answered", () =>
    Effect.gen(function* () {
      const { client, server } = yield* makeClient()
      const pushing = yield* Effect.fork(push(client, 0, 2))
      yield* settle
      server.latest.hangUp()
      yield* advance("2 minutes")
      yield* client.reconnect
      const seen: Array<string> = []
      for (let round = 0; round < 4; round++) {
        const socket = yield* answer(server)
        expect(socket.pushes).toMatchObject([
          { storeId: "store", batch: events(0, 2), backendId: Option.some("backend-1") }
        ])
        seen.push(...socket.pushes.map(({ id }) => id))
        yield* advance("2 seconds")
        if (round < 3) socket.hangUp(1011)
        yield* advance("10 millis")
        if (round < 3) yield* client.reconnect
      }
      expect(new Set(seen).size).toBe(4)
      expect(yield* isRunning(pushing)).toBe(true)
      server.latest.accepted(seen.at(-1) ?? "")
      yield* settle
      expect(yield* Fiber.join(pushing)).toBeUndefined()

      server.latest.hangUp()
      yield* settle
      yield* client.reconnect
      expect((yield* answer(server)).pushes).toEqual([])
    })
  )

  it.scoped("[CLIENT-5] one that is not answered within 30 s replaces the connection", () =>
    Effect.gen(function* () {
      const { client, server, socket } = yield* makeOnline()
      yield* advance("7 seconds")
      const pushing = yield* Effect.fork(push(client, 0, 1))
      yield* settle
      yield* advance(29_999)
      expect(server.sockets.length).toBe(1)
      yield* advance(1)
      expect(socket.closedWith).toBe(1000)
      const second = yield* answer(server)
      expect(second.pushes.length).toBe(1)
      second.accepted(second.pushes[0]?.id ?? "")
      yield* settle
      expect(yield* Fiber.join(pushing)).toBeUndefined()
      yield* advance("5 minutes")
      expect(server.sockets.length).toBe(2)
    })
  )

  it.scoped("a push that is interrupted is forgotten, and its answer is nobody's", () =>
    Effect.gen(function* () {
      const { client, server, socket } = yield* makeOnline()
      const pushing = yield* Effect.fork(push(client, 0, 1))
      yield* settle
      yield* Fiber.interrupt(pushing)
      expect(socket.interrupts).toEqual([])
      socket.accepted("1")
      yield* advance("5 minutes")
      expect(server.sockets.length).toBe(1)
      socket.hangUp()
      expect((yield* answer(server)).pushes).toEqual([])
    })
  )

  it.scoped("[CLIENT-5] on a new connection the pulls are asked first", () =>
    Effect.gen(function* () {
      const { client, server } = yield* makeClient()
      yield* Effect.fork(push(client, 0, 1))
      yield* settle
      yield* Effect.fork(
        Stream.runDrain(client.pull({ cursor: 0, backendId: Option.none(), live: true }))
      )
      const socket = yield* answer(server)
      expect(socket.frames.map((frame) => frame._tag === "Request" && frame.tag)).toEqual([
        "SyncWsRpc.Pull",
        "SyncWsRpc.Push"
      ])
    })
  )

  it.scoped("[CLIENT-6] while refused a push fails, one that waits as well as a new one", () =>
    Effect.gen(function* () {
      const { client, server } = yield* makeClient()
      const waiting = yield* Effect.fork(push(client, 0, 1))
      yield* settle
      const socket = server.latest
      socket.answersPings = false
      socket.accept()
      yield* settle
      socket.hangUp(4403, "not you")
      yield* settle
      const refused = { _tag: "ConnectionRefused", code: 4403, reason: "not you" }
      expect(yield* Effect.flip(Fiber.join(waiting))).toMatchObject(refused)
      expect(yield* Effect.flip(push(client, 0, 1))).toMatchObject(refused)
      expect(server.sockets.length).toBe(1)

      yield* client.reconnect
      yield* advance("1 second")
      const second = yield* answer(server)
      const again = yield* Effect.fork(push(client, 0, 1))
      yield* settle
      second.accepted(second.pushes[0]?.id ?? "")
      yield* settle
      expect(yield* Fiber.join(again)).toBeUndefined()
    })
  )

  it.scoped("[CLIENT-9] a batch over the limits goes in parts, one after the other", () =>
    Effect.gen(function* () {
      const { client, socket } = yield* makeOnline()
      const pushing = yield* Effect.fork(push(client, 0, 250))
      yield* settle
      const sizes: Array<number> = []
      for (let part = 0; part < 3; part++) {
        expect(socket.pushes.length).toBe(part + 1)
        sizes.push(socket.pushes[part]?.batch.length ?? 0)
        socket.accepted(socket.pushes[part]?.id ?? "")
        yield* settle
      }
      expect(sizes).toEqual([100, 100, 50])
      expect(socket.pushes.flatMap(({ batch }) => batch)).toEqual(events(0, 250))
      expect(yield* Fiber.join(pushing)).toBeUndefined()
    })
  )

  it.scoped("[CLIENT-9] the parts after one that fails are not sent", () =>
    Effect.gen(function* () {
      const { client, socket } = yield* makeOnline()
      const pushing = yield* Effect.fork(Effect.flip(push(client, 0, 150)))
      yield* settle
      socket.fail("1", { _tag: "ServerAheadError", minimumExpectedNum: 9, providedNum: 0 })
      yield* settle
      expect(yield* Fiber.join(pushing)).toMatchObject({
        _tag: "ServerAheadError",
        minimumExpectedNum: 9
      })
      expect(socket.pushes.length).toBe(1)
    })
  )

  it.scoped("[CLIENT-9] an event that fits into no frame fails before anything is sent", () =>
    Effect.gen(function* () {
      const { client, socket } = yield* makeOnline()
      const batch = events(0, 2).map((event) => ({ ...event, args: "x".repeat(2_000_000) }))
      const error = yield* Effect.flip(client.push(batch, { backendId: Option.none() }))
      expect(error).toMatchObject({ _tag: "EventTooLarge", seqNum: 1, maxBytes: 1_800_000 })
      expect(error.message).toContain("todoCreated")
      expect(socket.pushes).toEqual([])
    })
  )

  describe("an event that the official server could not give again", () => {
    /** Three events, the second of them large. */
    const batch = events(0, 3).map((event) =>
      event.seqNum === 2 ? { ...event, args: "ü".repeat(475_000) } : event
    )
    const pushLarge = (client: SyncClient.SyncClientService) =>
      Effect.fork(Effect.exit(client.push(batch, { backendId: Option.some("backend-1") })))

    const pushed = (socket: TestSocket) =>
      socket.pushes.map(({ batch }) => batch.map(({ seqNum }) => seqNum))

    /** The first page of the latest pull, as from a server of this project's, or another one. */
    const answerPull = (socket: TestSocket, greeted: boolean, first = page(0, 0)) => {
      const requestId = socket.pulls.at(-1)?.id ?? ""
      const server = greeted ? { server: { sparingAcks: true } } : {}
      socket.say({ _tag: "Chunk", requestId, values: [first], ...server })
      return settle
    }

    const acceptPush = (socket: TestSocket) => {
      socket.accepted(socket.pushes.at(-1)?.id ?? "")
      return settle
    }

    const tooLarge = {
      cause: { error: { _tag: "EventTooLarge", seqNum: 2, maxBytes: 899_000 } }
    }

    /** A client that follows the log. */
    const following = (greeted: boolean) =>
      Effect.gen(function* () {
        const made = yield* makeOnline()
        yield* Effect.forkScoped(
          Stream.runDrain(made.client.pull({ cursor: 0, backendId: Option.none(), live: true }))
        )
        yield* settle
        yield* answerPull(made.socket, greeted)
        return made
      })

    it.scoped("[CLIENT-9] is pushed to a server that has told its pull who it is", () =>
      Effect.gen(function* () {
        const { client, socket } = yield* following(true)
        // It tells so once.
        yield* answerPull(socket, false)
        const pushing = yield* pushLarge(client)
        yield* settle
        yield* acceptPush(socket)
        yield* acceptPush(socket)
        yield* acceptPush(socket)
        expect(pushed(socket)).toEqual([[1], [2], [3]])
        expect(yield* Fiber.join(pushing)).toEqual(Exit.void)
        expect(socket.pulls).toHaveLength(1)
      })
    )

    it.scoped(
      "[CLIENT-9][CLIENT-14] is pushed to no other: it is named, the one before it stored",
      () =>
        Effect.gen(function* () {
          const { client, socket } = yield* following(false)
          const pushing = yield* pushLarge(client)
          yield* settle
          yield* acceptPush(socket)
          expect(yield* Fiber.join(pushing)).toMatchObject(tooLarge)
          expect(pushed(socket)).toEqual([[1]])
          expect(socket.pulls).toHaveLength(1)
          expect(yield* client.status.get).toMatchObject({
            rejected: { seqNum: 2, reason: expect.stringContaining("the most is 899000") }
          })
        })
    )

    for (const greeted of [true, false]) {
      it.scoped(
        `[CLIENT-9] where nothing was pulled, a pull tells that it may${greeted ? "" : " not"} be pushed`,
        () =>
          Effect.gen(function* () {
            const { client, socket } = yield* makeOnline()
            const pushing = yield* pushLarge(client)
            yield* settle
            expect(socket.pulls).toEqual([])
            yield* acceptPush(socket)
            expect(pushed(socket)).toEqual([[1]])
            expect(socket.pulls).toMatchObject([{ live: false }])
            // One that is put off has not been answered yet.
            const none = page(0, 0)
            yield* answerPull(socket, false, { ...none, pageInfo: { _tag: "MoreUnknown" } })
            expect(yield* isRunning(pushing)).toBe(true)
            expect(pushed(socket)).toEqual([[1]])
            yield* answerPull(socket, greeted, page(0, 1, 5))
            yield* advance("1 second")
            expect(socket.interrupts).toEqual([socket.pulls[0]?.id])
            expect(pushed(socket)).toEqual(greeted ? [[1], [2]] : [[1]])
            if (greeted) {
              yield* acceptPush(socket)
              yield* acceptPush(socket)
            }
            const exit = yield* Fiber.join(pushing)
            if (greeted) expect(exit).toEqual(Exit.void)
            else expect(exit).toMatchObject(tooLarge)
            expect(socket.pulls).toHaveLength(1)
          })
      )
    }

    for (const greeted of [true, false]) {
      it.scoped(
        `[CLIENT-9] on the next connection it waits for a server that ${greeted ? "tells" : "does not tell"} so`,
        () =>
          Effect.gen(function* () {
            const { client, server, socket } = yield* following(true)
            const pushing = yield* pushLarge(client)
            yield* settle
            yield* acceptPush(socket)
            expect(pushed(socket)).toEqual([[1], [2]])
            socket.hangUp()
            yield* advance("2 seconds")
            const second = yield* answer(server)
            expect(second.pulls).toMatchObject([{ live: true }, { live: false }])
            expect(second.pushes).toEqual([])
            yield* answerPull(second, greeted, page(0, 1))
            if (greeted) {
              yield* acceptPush(second)
              yield* acceptPush(second)
              expect(pushed(second)).toEqual([[2], [3]])
              expect(yield* Fiber.join(pushing)).toEqual(Exit.void)
            } else {
              expect(yield* Fiber.join(pushing)).toMatchObject(tooLarge)
              expect(second.pushes).toEqual([])
            }
          })
      )
    }

    it.scoped("[CLIENT-6] fails while the server refuses the client, before it was pulled", () =>
      Effect.gen(function* () {
        const { client, socket } = yield* makeOnline()
        const large = batch.slice(1)
        const pushing = yield* Effect.fork(
          Effect.flip(client.push(large, { backendId: Option.none() }))
        )
        yield* settle
        expect(socket.pulls).toHaveLength(1)
        socket.hangUp(4403, "not you")
        yield* settle
        expect(yield* Fiber.join(pushing)).toMatchObject({ _tag: "ConnectionRefused", code: 4403 })
        expect(socket.pushes).toEqual([])
      })
    )
  })

  it.scoped("an empty batch is accepted without a word", () =>
    Effect.gen(function* () {
      const { client, server } = yield* makeClient()
      yield* client.push([], { backendId: Option.none() })
      expect(server.sockets).toEqual([])
    })
  )

  it.scoped("every answer has its error", () =>
    Effect.gen(function* () {
      const { client, socket } = yield* makeOnline()
      const answers = [
        [
          { _tag: "Fail", error: { _tag: "BackendIdMismatchError", expected: "a", received: "b" } },
          "BackendIdMismatchError"
        ],
        [
          {
            _tag: "Fail",
            error: { _tag: "UnknownError", cause: { name: "PushRejected", message: "no" } }
          },
          "UnknownError"
        ],
        [{ _tag: "Die", defect: "boom" }, "RequestFailed"],
        [{ _tag: "Interrupt", fiberId: { _tag: "None" } }, "RequestFailed"],
        [["a newer dialect"], "RequestFailed"]
      ] as const
      for (const [index, [cause, tag]] of answers.entries()) {
        const pushing = yield* Effect.fork(Effect.flip(push(client, index, index + 1)))
        yield* settle
        const requestId = socket.pushes.at(-1)?.id ?? ""
        socket.say({ _tag: "Exit", requestId, exit: { _tag: "Failure", cause } })
        yield* settle
        expect(yield* Fiber.join(pushing)).toMatchObject({ _tag: tag })
      }
      expect(socket.closedWith).toBeUndefined()
    })
  )

  it.scoped("an echo that does not come is pulled after 10 s, and the pull goes on", () =>
    Effect.gen(function* () {
      const { client, server, socket } = yield* makeOnline()
      const read: Array<number> = []
      yield* client.pull({ cursor: 0, backendId: Option.none(), live: true }).pipe(
        Stream.runForEach((page) => Effect.sync(() => read.push(...seqNums(page)))),
        Effect.fork
      )
      yield* settle
      socket.page("1", page(0, 0))
      yield* advance("1 minute")
      yield* Effect.fork(push(client, 0, 2))
      yield* settle
      socket.accepted(socket.pushes[0]?.id ?? "")
      yield* advance(9_999)
      expect(socket.pulls.length).toBe(1)
      yield* advance(1)
      expect(socket.interrupts).toEqual(["1"])
      expect(socket.pulls.length).toBe(2)
      socket.page(socket.pulls[1]?.id ?? "", page(0, 2))
      yield* advance("5 minutes")
      expect(read).toEqual([1, 2])
      expect(socket.pulls.length).toBe(2)
      expect(server.sockets.length).toBe(1)
    })
  )

  it.scoped("so is what a push was refused for being behind on", () =>
    Effect.gen(function* () {
      const { client, socket } = yield* makeOnline()
      yield* Effect.fork(
        Stream.runDrain(client.pull({ cursor: 0, backendId: Option.none(), live: true }))
      )
      yield* settle
      socket.page("1", page(0, 0))
      yield* Effect.fork(Effect.exit(push(client, 0, 2)))
      yield* settle
      socket.fail("2", { _tag: "ServerAheadError", minimumExpectedNum: 3, providedNum: 0 })
      yield* advance("10 seconds")
      expect(socket.pulls.length).toBe(2)
    })
  )

  it.scoped("a push that succeeds is not late because its echo came first", () =>
    Effect.gen(function* () {
      const { client, socket } = yield* makeOnline()
      yield* Effect.fork(
        Stream.runDrain(client.pull({ cursor: 0, backendId: Option.none(), live: true }))
      )
      yield* settle
      socket.page("1", page(0, 0))
      const pushing = yield* Effect.fork(push(client, 0, 2))
      yield* settle
      socket.page("1", page(0, 2))
      socket.accepted("2")
      yield* advance("5 minutes")
      expect(yield* Fiber.join(pushing).pipe(Effect.exit)).toEqual(Exit.void)
      expect(socket.pulls.length).toBe(1)
    })
  )
})

describe("a push whose answer was lost", () => {
  /** It goes over a second connection, where the server says that it is behind. */
  const behind = Effect.gen(function* () {
    const { client, server, socket } = yield* makeOnline()
    const pushing = yield* Effect.fork(Effect.exit(push(client, 4, 6)))
    yield* settle
    socket.hangUp()
    yield* advance("1 second")
    const second = yield* answer(server)
    const error = { _tag: "ServerAheadError", minimumExpectedNum: 6, providedNum: 4 }
    second.fail(second.pushes[0]?.id ?? "", error)
    yield* settle
    const pull = second.pulls[0]
    expect(pull).toMatchObject({
      live: false,
      cursor: Option.some({ eventSequenceNumber: 4, backendId: "backend-1" })
    })
    return { pushing, second, id: pull?.id ?? "" }
  })

  it.scoped("[CLIENT-5] and that the server does not know again is found in the log", () =>
    Effect.gen(function* () {
      const { id, pushing, second } = yield* behind
      second.page(id, page(4, 5, 3), page(5, 8))
      yield* settle
      expect(yield* Fiber.join(pushing)).toEqual(Exit.void)
      expect(second.interrupts).toEqual([id])
    })
  )

  it.scoped("[CLIENT-5] or is not there: somebody else was first", () =>
    Effect.gen(function* () {
      const others = events(4, 6).map((event) => ({ ...event, clientId: "other" }))
      for (const stored of [others, events(4, 5)]) {
        const { id, pushing, second } = yield* behind
        second.page(id, pageOf(stored))
        second.say({ _tag: "Exit", requestId: id, exit: { _tag: "Success" } })
        yield* settle
        const exit = yield* Fiber.join(pushing)
        expect(Exit.isFailure(exit) && exit.cause).toMatchObject({
          error: { _tag: "ServerAheadError", minimumExpectedNum: 6 }
        })
      }
    })
  )

  it.scoped("one that was sent once is behind, and nothing is looked up", () =>
    Effect.gen(function* () {
      const { client, socket } = yield* makeOnline()
      const pushing = yield* Effect.fork(Effect.exit(push(client, 4, 6)))
      yield* settle
      socket.fail("1", { _tag: "ServerAheadError", minimumExpectedNum: 6, providedNum: 4 })
      yield* settle
      expect(Exit.isFailure(yield* Fiber.join(pushing))).toBe(true)
      expect(socket.pulls).toEqual([])
    })
  )
})

describe("what is not confirmed", () => {
  it.scoped("[CLIENT-17] counts from the push until its echo", () =>
    Effect.gen(function* () {
      const { client, server, socket } = yield* makeOnline()
      yield* Effect.forkScoped(
        Stream.runDrain(client.pull({ cursor: 0, backendId: Option.none(), live: true }))
      )
      yield* settle
      socket.page("1", page(0, 2))
      yield* advance("1 second")
      expect(yield* client.status.get).toMatchObject({ unconfirmed: 0, confirmed: 2 })
      const pushing = yield* Effect.fork(push(client, 2, 5))
      yield* advance("1 second")
      expect(yield* client.status.get).toMatchObject({ unconfirmed: 3, confirmed: 2 })
      socket.accepted("2")
      yield* advance("1 second")
      expect(yield* isRunning(pushing)).toBe(false)
      expect(yield* client.status.get).toMatchObject({ unconfirmed: 3, confirmed: 2 })
      // The next one begins, and the connection is lost, before the first has come back.
      yield* Effect.fork(push(client, 5, 6))
      yield* settle
      socket.hangUp()
      yield* advance("1 second")
      expect(yield* client.status.get).toMatchObject({ unconfirmed: 4, confirmed: 2 })
      const second = yield* answer(server)
      second.page(second.pulls[0]?.id ?? "", page(2, 5))
      yield* advance("1 second")
      expect(yield* client.status.get).toMatchObject({ unconfirmed: 1, confirmed: 5 })
      second.page(second.pulls[0]?.id ?? "", page(5, 6))
      yield* advance("1 second")
      expect(yield* client.status.get).toMatchObject({ unconfirmed: 0, confirmed: 6 })
    })
  )

  it.scoped(
    "[CLIENT-17] is what somebody else's events have displaced, until it is pushed anew",
    () =>
      Effect.gen(function* () {
        const { client, socket } = yield* makeOnline()
        yield* Effect.forkScoped(
          Stream.runDrain(client.pull({ cursor: 0, backendId: Option.none(), live: true }))
        )
        yield* settle
        const pushing = yield* Effect.fork(push(client, 0, 2))
        yield* settle
        const theirs = events(0, 3).map((event) => ({ ...event, clientId: "other" }))
        socket.page("1", pageOf(theirs))
        yield* advance("1 second")
        expect(yield* client.status.get).toMatchObject({ unconfirmed: 2, confirmed: 3 })
        yield* Fiber.interrupt(pushing)
        yield* Effect.fork(push(client, 3, 5))
        yield* advance("1 second")
        expect(yield* client.status.get).toMatchObject({ unconfirmed: 2, confirmed: 3 })
        socket.page("1", page(3, 5))
        yield* advance("1 second")
        expect(yield* client.status.get).toMatchObject({ unconfirmed: 0, confirmed: 5 })
      })
  )

  it.scoped("[CLIENT-17] is nothing after the answer, where nobody pulls", () =>
    Effect.gen(function* () {
      const { client, socket } = yield* makeOnline()
      const pushing = yield* Effect.fork(push(client, 0, 2))
      yield* settle
      socket.accepted("1")
      yield* advance("1 second")
      yield* Fiber.join(pushing)
      expect(yield* client.status.get).toMatchObject({ unconfirmed: 0, confirmed: 2 })
    })
  )
})

describe("a push that a rule of the app's refuses", () => {
  const refuse = (socket: TestSocket, id: string, name = "PushRejected") =>
    socket.fail(id, { _tag: "UnknownError", cause: { name, message: "not on Sundays" } })

  /** As LiveStore does: at once again, whatever it failed with. */
  const pushForEver = (client: SyncClient.SyncClientService) =>
    Effect.forkScoped(
      Effect.retry(
        push(client, 4, 5),
        Schedule.exponential("100 millis").pipe(Schedule.union(Schedule.spaced("1 second")))
      )
    )

  const rejected = { seqNum: 5, name: "todoCreated", reason: "not on Sundays" }

  it.scoped("[CLIENT-14] is named at once, is tried each 30 s, and goes through when it may", () =>
    Effect.gen(function* () {
      const { client, socket } = yield* makeOnline()
      const pushing = yield* pushForEver(client)
      yield* settle
      for (const tries of [1, 2, 3]) {
        expect(socket.pushes).toHaveLength(tries)
        refuse(socket, socket.pushes.at(-1)?.id ?? "")
        yield* settle
        expect(yield* client.status.get).toMatchObject({ _tag: "Online", rejected })
        yield* advance("29 seconds")
        expect(socket.pushes).toHaveLength(tries)
        yield* advance("1 second")
      }
      expect(socket.pushes).toHaveLength(4)
      socket.accepted(socket.pushes.at(-1)?.id ?? "")
      yield* advance("1 second")
      expect(yield* isRunning(pushing)).toBe(false)
      expect((yield* client.status.get).rejected).toBeUndefined()
    })
  )

  it.scoped(
    "[CLIENT-14] of several events: the one that is refused is named, those before it are stored",
    () =>
      Effect.gen(function* () {
        const { client, socket } = yield* makeOnline()
        const pushing = yield* Effect.fork(Effect.exit(push(client, 4, 8)))
        yield* settle
        const answers: ReadonlyArray<boolean> = [false, true, true, false]
        for (const [index, isAccepted] of answers.entries()) {
          const { batch, id } = socket.pushes[index] ?? { batch: [], id: "" }
          expect(batch.map(({ seqNum }) => seqNum)).toEqual(
            index === 0 ? [5, 6, 7, 8] : [4 + index]
          )
          if (isAccepted) socket.accepted(id)
          else refuse(socket, id)
          yield* settle
        }
        expect(Exit.isFailure(yield* Fiber.join(pushing))).toBe(true)
        expect(socket.pushes).toHaveLength(4)
        expect(yield* client.status.get).toMatchObject({ rejected: { ...rejected, seqNum: 7 } })
      })
  )

  it.scoped(
    "[CLIENT-9][CLIENT-14] one that is too large is named until it is gone, and holds back none before it",
    () =>
      Effect.gen(function* () {
        const { client, server, socket } = yield* makeOnline()
        const batch = events(4, 7).map((event) =>
          event.seqNum === 6 ? { ...event, args: "x".repeat(2_000_000) } : event
        )
        const pushing = yield* Effect.fork(
          Effect.exit(client.push(batch, { backendId: Option.some("backend-1") }))
        )
        yield* settle
        expect(socket.pushes.map(({ batch }) => batch.map(({ seqNum }) => seqNum))).toEqual([[5]])
        socket.accepted(socket.pushes[0]?.id ?? "")
        yield* settle
        expect(yield* Fiber.join(pushing)).toMatchObject({ cause: { error: { seqNum: 6 } } })
        socket.hangUp()
        yield* advance("2 seconds")
        yield* answer(server)
        yield* advance("1 second")
        expect(yield* client.status.get).toMatchObject({
          _tag: "Online",
          rejected: { seqNum: 6, reason: expect.stringContaining("bytes as JSON") }
        })
      })
  )

  it.scoped(
    "[CLIENT-14] has gone through when its events come back, though nobody waits for it",
    () =>
      Effect.gen(function* () {
        const { client, socket } = yield* makeOnline()
        yield* Effect.forkScoped(
          Stream.runDrain(
            client.pull({ cursor: 4, backendId: Option.some("backend-1"), live: true })
          )
        )
        yield* settle
        socket.page("1", page(4, 4))
        const pushing = yield* pushForEver(client)
        yield* settle
        refuse(socket, socket.pushes.at(-1)?.id ?? "")
        yield* advance("31 seconds")
        expect(yield* client.status.get).toMatchObject({ rejected })
        const others = events(4, 5).map((event) => ({ ...event, clientId: "other" }))
        socket.page("1", pageOf(others))
        yield* advance("1 second")
        expect(yield* client.status.get).toMatchObject({ rejected })
        // It was moved behind the other's, and LiveStore gives its push up as it comes back.
        const moved = events(4, 5).map((event) => ({ ...event, seqNum: 6, parentSeqNum: 5 }))
        socket.page("1", pageOf(moved))
        yield* Fiber.interrupt(pushing)
        yield* advance("1 second")
        expect((yield* client.status.get).rejected).toBeUndefined()
      })
  )

  it.scoped("[CLIENT-14] is tried at once when the app asks, or when it is another one", () =>
    Effect.gen(function* () {
      const { client, socket } = yield* makeOnline()
      const pushing = yield* pushForEver(client)
      yield* settle
      refuse(socket, socket.pushes.at(-1)?.id ?? "")
      yield* advance("10 seconds")
      expect(socket.pushes).toHaveLength(1)
      yield* client.reconnect
      yield* settle
      expect(socket.pushes).toHaveLength(2)
      refuse(socket, socket.pushes.at(-1)?.id ?? "")
      yield* advance("1 second")
      yield* Fiber.interrupt(pushing)
      // LiveStore has moved it behind somebody else's: it is the same one.
      const moved = events(5, 6).map((event) => ({ ...event, args: { id: 5 } }))
      yield* Effect.forkScoped(client.push(moved, { backendId: Option.none() }))
      yield* settle
      expect(socket.pushes).toHaveLength(2)
      yield* Effect.forkScoped(client.push(events(7, 8), { backendId: Option.none() }))
      yield* settle
      expect(socket.pushes).toHaveLength(3)
    })
  )

  it.scoped("[CLIENT-14] stays refused over connections, and pulls go on", () =>
    Effect.gen(function* () {
      const { client, server, socket } = yield* makeOnline()
      const pages: Array<number> = []
      yield* client.pull({ cursor: 0, backendId: Option.none(), live: true }).pipe(
        Stream.runForEach((one) => Effect.sync(() => pages.push(...seqNums(one)))),
        Effect.forkScoped
      )
      yield* pushForEver(client)
      yield* settle
      refuse(socket, socket.pushes.at(-1)?.id ?? "")
      yield* settle
      socket.page(socket.pulls.at(-1)?.id ?? "", page(0, 3))
      yield* advance("1 second")
      socket.hangUp()
      yield* advance("2 seconds")
      const next = yield* answer(server)
      expect(yield* client.status.get).toMatchObject({ _tag: "Online", rejected })
      next.page(next.pulls.at(-1)?.id ?? "", page(3, 4))
      yield* settle
      expect(pages).toEqual([1, 2, 3, 4])
      expect(next.pushes).toEqual([])
      yield* advance("27 seconds")
      expect(next.pushes).toHaveLength(1)
    })
  )

  it.scoped("[CLIENT-14] one that the server has another reason to refuse is not held back", () =>
    Effect.gen(function* () {
      const { client, socket } = yield* makeOnline()
      yield* pushForEver(client)
      yield* settle
      for (const tries of [1, 2]) {
        refuse(socket, socket.pushes.at(-1)?.id ?? "", "StorageUnavailable")
        yield* advance("1 second")
        expect(socket.pushes.length).toBeGreaterThan(tries)
      }
      expect(yield* client.status.get).not.toHaveProperty("rejected")
    })
  )
})
