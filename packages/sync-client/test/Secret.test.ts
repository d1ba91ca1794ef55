import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Fiber, HashMap, Logger, LogLevel, Option, Stream } from "effect"
import type { SyncStatus } from "../src/index.ts"
import { redact } from "../src/internal/redact.ts"
import { advance, answer, events, makeClient, settle } from "./TestSocket.ts"

const token = "s3cret tökén/+&"
const payload = { authToken: token, nested: [{ other: "another-secret" }] }

/** Every form in which it has been seen on its way. */
const encodings = [
  token,
  encodeURIComponent(token),
  encodeURIComponent(encodeURIComponent(token)),
  JSON.stringify(token).slice(1, -1),
  "another-secret"
]

const hasSecret = (text: string) => encodings.some((secret) => text.includes(secret))

/** All that is logged, with its annotations. */
const collectLogs = (lines: Array<string>) =>
  Logger.replace(
    Logger.defaultLogger,
    Logger.make(({ annotations, cause, logLevel, message }) => {
      const notes = HashMap.toEntries(annotations).map(([key, value]) => `${key}=${String(value)}`)
      lines.push([logLevel.label, String(message), ...notes, Cause.pretty(cause)].join(" "))
    })
  )

describe("Secrets", () => {
  it.scoped(
    "[CLIENT-11] the payload is in no log line, error or status, whatever the server says",
    () => {
      const lines: Array<string> = []
      return Effect.gen(function* () {
        const statuses: Array<SyncStatus.SyncStatus> = []
        const { client, server } = yield* makeClient({
          payload,
          url: "wss://sync.test?key=url-secret",
          onStatus: (status) => statuses.push(status)
        })
        const pulling = yield* Effect.fork(
          Stream.runDrain(client.pull({ cursor: 0, backendId: Option.none(), live: true }))
        )
        const errors: Array<unknown> = []
        yield* settle
        server.latest.hangUp()
        yield* client.reconnect
        const socket = yield* answer(server)
        expect(socket.texts.some(hasSecret)).toBe(true)

        const pushing = yield* Effect.fork(
          Effect.flip(client.push(events(0, 1), { backendId: Option.none() }))
        )
        yield* settle
        socket.say({
          _tag: "Exit",
          requestId: socket.pushes[0]?.id ?? "",
          exit: { _tag: "Failure", cause: { _tag: "Die", defect: `bad payload ${token}` } }
        })
        yield* settle
        errors.push(yield* Fiber.join(pushing))
        socket.say({ _tag: "Defect", defect: `bad payload ${token}` })
        yield* settle
        yield* client.reconnect
        yield* answer(server)
        server.latest.hangUp(1011, `no ${token}`)
        yield* settle
        yield* client.reconnect
        yield* answer(server)
        server.latest.hangUp(4401, `unknown token ${token}, or ${encodeURIComponent(token)}`)
        yield* settle
        errors.push(
          yield* Effect.flip(client.push(events(0, 1), { backendId: Option.none() })),
          yield* Effect.flip(client.ping)
        )
        yield* Fiber.interrupt(pulling)

        expect(statuses.at(-1)).toMatchObject({ reason: "unknown token …, or …" })
        expect(lines.length).toBeGreaterThan(2)
        for (const text of [...lines, ...statuses.map(toText), ...errors.map(toText)]) {
          expect(hasSecret(text), text).toBe(false)
          expect(text).not.toContain("url-secret")
        }
      }).pipe(Effect.provide(collectLogs(lines)))
    }
  )

  it.scoped("one warning a transition, none a retry", () => {
    const lines: Array<string> = []
    return Effect.gen(function* () {
      const { client, server } = yield* makeClient()
      yield* client.reconnect
      yield* settle
      for (let failures = 0; failures < 10; failures++) {
        server.latest.hangUp()
        yield* advance("30 seconds")
      }
      expect(lines).toEqual([expect.stringMatching(/^WARN sync connection lost .*storeId=store/)])
      expect(lines[0]).toContain("code=1006")
      expect(lines[0]).toContain("reason=the connection was lost")
      expect(lines[0]).toMatch(/nextAttempt=in \d+ ms/)
      yield* client.reconnect
      yield* answer(server)
      yield* advance("5 minutes")
      server.latest.hangUp(4403, "no")
      yield* settle
      yield* client.reconnect
      yield* settle
      server.latest.hangUp(4403, "no")
      yield* settle
      expect(lines.slice(1)).toEqual([
        expect.stringMatching(/^INFO sync connection is back/),
        expect.stringMatching(/^WARN sync connection refused .*code=4403/),
        expect.stringMatching(/^WARN sync connection refused .*code=4403/)
      ])
    }).pipe(Effect.provide(collectLogs(lines)))
  })

  it.scoped("a push that is refused again and again is reported once", () => {
    const lines: Array<string> = []
    return Effect.gen(function* () {
      const { client, server } = yield* makeClient()
      yield* client.reconnect
      const socket = yield* answer(server)
      const push = (answer: (id: string) => void) =>
        Effect.gen(function* () {
          const pushing = yield* Effect.fork(
            Effect.exit(client.push(events(0, 1), { backendId: Option.none() }))
          )
          yield* settle
          // It would wait otherwise.
          yield* client.reconnect
          yield* settle
          answer(socket.pushes.at(-1)?.id ?? "")
          yield* settle
          yield* Fiber.join(pushing)
        })
      const cause = { name: "PushRejected", message: "todos are full" }
      const refuse = (id: string) => socket.fail(id, { _tag: "UnknownError", cause })
      yield* push(refuse)
      yield* push(refuse)
      expect(lines).toEqual([expect.stringContaining("reason=todos are full")])
      yield* push((id) => socket.accepted(id))
      yield* push(refuse)
      expect(lines.length).toBe(2)
    }).pipe(Effect.provide(collectLogs(lines)))
  })

  it("short texts are left alone, long ones go first", () => {
    const hide = redact({ a: "no", b: "abcdef", c: ["abcdefgh"], d: "\ud800 lone" })
    expect(hide("no abcdef abcdefgh")).toBe("no … …")
    expect(redact(undefined)("as it is")).toBe("as it is")
  })

  it.scoped("[CLIENT-11] nor in what Effect itself tells those who debug", () => {
    const lines: Array<string> = []
    return Effect.gen(function* () {
      const { client, server } = yield* makeClient({ payload })
      yield* client.reconnect
      for (const open of [false, true]) {
        yield* settle
        if (open) yield* answer(server)
        server.latest.hangUp(1011, `cannot serve ${token}`)
        yield* advance("30 seconds")
      }
      expect(lines.length).toBeGreaterThan(0)
      expect(lines.filter(hasSecret)).toEqual([])
    }).pipe(Logger.withMinimumLogLevel(LogLevel.All), Effect.provide(collectLogs(lines)))
  })

  it.scoped("the end of a connection is no unhandled error to those who debug", () => {
    const lines: Array<string> = []
    return Effect.gen(function* () {
      const made = [
        yield* makeClient(),
        // One whose payload cannot be made, and one that is renewed in vain.
        yield* makeClient({ payload: () => 1n }),
        yield* makeClient({ payload: () => ({ expiresAt: 60_000 }) })
      ]
      for (const { client } of made) yield* client.reconnect
      for (const isOpen of [false, true, true]) {
        yield* settle
        for (const { server } of made)
          if (server.sockets.length > 0 && isOpen) yield* answer(server)
        // Lost while it opens, then while it serves; and nobody answers.
        yield* advance("45 seconds")
        for (const { server } of made) if (server.sockets.length > 0) server.latest.hangUp()
        yield* advance("45 seconds")
      }
      expect(lines.filter((line) => line.startsWith("WARN sync connection lost"))).not.toEqual([])
      expect(lines.filter((line) => line.includes("unhandled"))).toEqual([])
    }).pipe(Logger.withMinimumLogLevel(LogLevel.All), Effect.provide(collectLogs(lines)))
  })
})

const toText = (value: unknown): string =>
  `${value instanceof Error ? `${value.message} ${value.stack}` : ""} ${JSON.stringify(value)}`
