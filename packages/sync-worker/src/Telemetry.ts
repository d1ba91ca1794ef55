/**
 * Spans of what the server does, for whoever asks for them: decorators around the server and the
 * log, and their export by OTLP over HTTP. Without them nothing is traced.
 *
 * A span tells kinds, counts, places in the log, outcomes and whose connection it was. It holds no
 * payload, no event and no words of an error.
 *
 * @since 0.1.0
 */
import { Frame, Message } from "@tidelog/sync-protocol"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type { Connection } from "./Connection.ts"
import { EventLog } from "./EventLog.ts"
import type { EventLogService } from "./EventLog.ts"
import { isExit, toText } from "./internal/frame.ts"
import * as Otlp from "./internal/otlp.ts"
import { SyncServer } from "./SyncServer.ts"
import type { SyncServerService } from "./SyncServer.ts"

/**
 * Where spans go: to `baseUrl` with `/v1/traces` behind it, with `headers` (an API key, say), as
 * those of `serviceName` (`tidelog` if not told).
 *
 * @since 0.1.0
 * @category models
 */
export interface OtelOptions {
  readonly baseUrl: string
  readonly serviceName?: string
  readonly headers?: Readonly<Record<string, string>>
}

/**
 * A log whose appends and reads are spans of whatever they are done for.
 *
 * @since 0.1.0
 * @category decorators
 */
export const traceEventLog = (log: EventLogService): EventLogService => ({
  ...log,
  append: (batch) =>
    log.append(batch).pipe(
      Effect.withSpan("EventLog.append", {
        attributes: { events: batch.length, after: batch[0].parentSeqNum },
        captureStackTrace: false
      })
    ),
  readPage: (after, size) =>
    log.readPage(after, size).pipe(
      Effect.tap(({ events }) => Effect.annotateCurrentSpan({ events })),
      Effect.withSpan("EventLog.readPage", { attributes: { after }, captureStackTrace: false })
    )
})

/**
 * `EventLog`, traced, from the `EventLog` below it.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerEventLog: Layer.Layer<EventLog, never, EventLog> = Layer.effect(
  EventLog,
  Effect.map(EventLog, traceEventLog)
)

/**
 * `SyncServer`, with a span for each frame that it receives, from the `SyncServer` below it. Spans
 * are sent when a frame is done with, beside whatever comes next; what cannot be sent is dropped,
 * and the log says so.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerSyncServer = (options: OtelOptions): Layer.Layer<SyncServer, never, SyncServer> =>
  Layer.scoped(
    SyncServer,
    Effect.gen(function* () {
      const server = yield* SyncServer
      const exporter = yield* Otlp.makeExporter(options)
      return traceServer(server, exporter)
    })
  )

const traceServer = (server: SyncServerService, exporter: Otlp.Exporter): SyncServerService => {
  const watched = new WeakMap<Connection, Watched>()

  /** What is done for a connection, as a span of its own if it is one of ours. */
  const trace = (
    connection: Connection,
    read: () => Handled,
    run: (connection: Connection) => Effect.Effect<void>
  ) =>
    Effect.suspend(() => {
      const client = watched.get(connection)
      if (client === undefined) return run(connection)
      const { kind, requestId } = read()
      let outcome = "done"
      const note: Note = (ended, result) => {
        if (ended === undefined || ended === requestId) outcome = result
      }
      client.notes.add(note)
      const { connectionId, storeId } = connection.session
      return run(client.connection).pipe(
        Effect.ensuring(
          Effect.suspend(() => {
            client.notes.delete(note)
            return Effect.annotateCurrentSpan({ outcome })
          })
        ),
        Effect.withSpan("SyncServer.receive", {
          root: true,
          kind: "server",
          attributes: { "frame.kind": kind, storeId, connectionId },
          captureStackTrace: false
        }),
        Effect.withTracer(exporter.tracer),
        Effect.ensuring(exporter.flush)
      )
    })

  return {
    ...server,
    connect: (connection, state) =>
      Effect.suspend(() => {
        const client = watch(connection)
        watched.set(connection, client)
        return server.connect(client.connection, state)
      }),

    receive: (connection, data) =>
      trace(
        connection,
        () => readFrame(data),
        (own) => server.receive(own, data)
      ),

    request: (connection, frame, size) =>
      trace(
        connection,
        () => readRequest(frame),
        (own) => server.request(own, frame, size)
      ),

    disconnect: (connection) =>
      Effect.suspend(() => server.disconnect(watched.get(connection)?.connection ?? connection))
  }
}

/** What a frame is, and of which request. */
interface Handled {
  readonly kind: string
  readonly requestId?: string
}

/** Told how a request ended, or, without one, how the connection did. */
type Note = (requestId: string | undefined, outcome: string) => void

/** A connection whose answers are noticed. */
interface Watched {
  readonly connection: Connection
  readonly notes: Set<Note>
}

const watch = (connection: Connection): Watched => {
  const notes = new Set<Note>()
  const tell: Note = (requestId, outcome) => {
    for (const note of notes) note(requestId, outcome)
  }
  return {
    notes,
    connection: {
      session: connection.session,
      isBrief: connection.isBrief === true,
      send: (text) => {
        connection.send(text)
        if (notes.size > 0 && isExit(text)) {
          const exit = decodeExit(text)
          if (Either.isRight(exit)) tell(exit.right.requestId, outcomeOf(exit.right.exit))
        }
      },
      close: (code, reason) => {
        connection.close(code, reason)
        tell(undefined, `closed ${code}`)
      },
      save: (state) => connection.save(state)
    }
  }
}

const decodeExit = Schema.decodeEither(
  Schema.parseJson(Schema.Struct({ requestId: Schema.String, exit: Schema.Unknown }))
)

const Failure = Schema.TaggedStruct("Failure", {
  cause: Schema.Struct({
    error: Schema.Struct({
      _tag: Schema.String,
      cause: Schema.optional(Schema.Struct({ name: Schema.String }))
    })
  })
})

const isFailure = Schema.is(Failure)

/** The server's own names for how a request ended: of a refusal, which one. */
const outcomeOf = (exit: unknown): string => {
  if (isFailure(exit)) return exit.cause.error.cause?.name ?? exit.cause.error._tag
  return isSuccess(exit) ? "Success" : "Failure"
}

const isSuccess = Schema.is(Schema.TaggedStruct("Success", {}))

const decodeFrame = Schema.decodeUnknownEither(Frame.ClientFrameFromText)

/** What a frame is, in words of ours: what it calls itself may be anything. */
const readFrame = (data: string | Uint8Array): Handled => {
  const frame = decodeFrame(toText(data))
  if (Either.isLeft(frame)) return { kind: "unreadable" }
  return frame.right._tag === "Request" ? readRequest(frame.right) : { kind: frame.right._tag }
}

const readRequest = ({ id, tag }: Frame.Request): Handled => ({
  kind: KINDS.get(tag) ?? "unknown request",
  requestId: id
})

const KINDS = new Map([
  [Message.PULL, "Pull"],
  [Message.PUSH, "Push"]
])
