/**
 * One request over HTTP: its frame out by a POST, and the frames of its answer in, as they come.
 *
 * @since 0.1.0
 */
import * as Closing from "@tidelog/sync-protocol/Closing"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { attempt } from "./internal/attempt.ts"
import * as FrameTexts from "./internal/frameTexts.ts"
import * as SyncSocket from "./SyncSocket.ts"

/**
 * A POST. `text`: its frame.
 *
 * - `within`: ms for the head of the answer, and for each further part of its body.
 * - `mayFail`: whether the frames of an answer that is no success count. Otherwise it is a server's trouble.
 *
 * @since 0.1.0
 * @category models
 */
export interface Post {
  readonly fetch: typeof globalThis.fetch
  readonly url: string
  readonly text: string
  readonly within: number
  readonly mayFail: boolean
}

/** Of these a WebSocket would have been closed with 4000 more: SPEC HTTP-2. */
const REFUSALS = new Set([400, 401, 403, 410, 413])

/**
 * The texts of the frames that answer a request, read as they are taken. To leave it aborts it.
 *
 * Fails as the connection would have ended: with 4400 to 4499 for a refusal, with 1006 if the network failed, or
 * what came was no such answer, and with 1013 for a server in trouble.
 *
 * @since 0.1.0
 * @category operations
 */
export const frames = (post: Post): Stream.Stream<string, SyncSocket.ConnectionEnd> =>
  Effect.acquireRelease(
    Effect.sync(() => new AbortController()),
    (controller) => Effect.sync(() => controller.abort())
  ).pipe(
    Effect.flatMap(({ signal }) =>
      attempt(post.within, () =>
        post.fetch(post.url, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: post.text,
          signal
        })
      )
    ),
    Effect.flatMap((response) =>
      response.ok || (post.mayFail && hasFrames(response))
        ? Effect.succeed(split(parts(response, post.within)))
        : Effect.flip(endOf(response, post.within))
    ),
    Stream.unwrapScoped
  )

const typeOf = (response: Response): string | undefined =>
  response.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase()

/** A push that is to be sent again later has its `Exit` all the same: SPEC HTTP-5 and HTTP-6. */
const hasFrames = (response: Response): boolean =>
  !REFUSALS.has(response.status) && typeOf(response) === "application/json"

/** Where bodies cannot be read part by part (React Native), as a whole. */
const parts = (
  response: Response,
  within: number
): Stream.Stream<string, SyncSocket.ConnectionEnd> => {
  const { body } = response
  if (body === null || body === undefined) {
    return Stream.fromEffect(attempt(within, () => response.text()))
  }
  const reader = body.getReader()
  const decoder = new TextDecoder()
  return Stream.repeatEffectOption(
    attempt(within, () => reader.read()).pipe(
      Effect.mapError(Option.some),
      Effect.flatMap(({ done, value }) =>
        done ? Effect.fail(Option.none()) : Effect.succeed(decoder.decode(value, { stream: true }))
      )
    )
  )
}

const split = (parts: Stream.Stream<string, SyncSocket.ConnectionEnd>) =>
  Stream.suspend(() => {
    const next = FrameTexts.make()
    const broken = Effect.fail(SyncSocket.lost("the answer makes no sense"))
    return Stream.mapConcatEffect(parts, (part) => {
      const texts = next(part)
      return texts === undefined ? broken : Effect.succeed(texts)
    })
  })

/**
 * What an answer without frames means. A refusal is a line of plain text; a page is somebody else's word, a
 * proxy's or a portal's, and passes.
 */
const endOf = (response: Response, within: number): Effect.Effect<SyncSocket.ConnectionEnd> => {
  const { status } = response
  const isOwn = typeOf(response) !== "text/html"
  const code = isOwn && REFUSALS.has(status) ? 4_000 + status : Closing.CloseCode.tryAgainLater
  const unexplained = `the server answered with status ${status}`
  return (isOwn ? attempt(within, () => response.text()) : Effect.succeed("")).pipe(
    Effect.orElseSucceed(() => ""),
    Effect.map((text) => {
      const reason = Closing.closeReason(text.trim())
      return new SyncSocket.ConnectionEnd({
        code,
        reason: reason === "" ? unexplained : reason,
        broken: false
      })
    })
  )
}
