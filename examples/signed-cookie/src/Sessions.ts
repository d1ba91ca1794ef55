/**
 * Sessions that the browser keeps: a cookie says who it is and until when, and its signature that
 * this Worker wrote it. Nothing is stored.
 */
import type { CloudflareEnv } from "@tidelog/sync-worker"
import { Unauthorized } from "@tidelog/sync-worker"
import { Clock, Context, Duration, Effect, Encoding, Layer, Schema } from "effect"
import { secret } from "./Secrets.ts"
import type { MissingSecret } from "./Secrets.ts"

/** `expiresAt`: milliseconds since the epoch. The backend closes the connection then. */
export const Session = Schema.Struct({ user: Schema.NonEmptyString, expiresAt: Schema.Number })
export type Session = typeof Session.Type

const SessionText = Schema.compose(Schema.StringFromBase64Url, Schema.parseJson(Session))

export interface SessionsService {
  /** The value of a `set-cookie` header that begins a session. */
  readonly begin: (user: string) => Effect.Effect<string>
  /** The session in a `cookie` header. */
  readonly find: (cookies: string | null) => Effect.Effect<Session, Unauthorized>
}

const NAME = "session"

const LIFETIME = Duration.hours(12)

export class Sessions extends Context.Tag("signed-cookie/Sessions")<Sessions, SessionsService>() {
  static readonly layer: Layer.Layer<Sessions, MissingSecret, CloudflareEnv.CloudflareEnv> =
    Layer.effect(
      Sessions,
      Effect.gen(function* () {
        const key = yield* importKey(yield* secret("SESSION_SECRET"))

        const begin = Effect.fnUntraced(function* (user: string) {
          const expiresAt = (yield* Clock.currentTimeMillis) + Duration.toMillis(LIFETIME)
          const text = yield* Effect.orDie(Schema.encode(SessionText)({ user, expiresAt }))
          const signature = yield* Effect.promise(() =>
            crypto.subtle.sign("HMAC", key, new TextEncoder().encode(text))
          )
          const value = `${text}.${Encoding.encodeBase64Url(new Uint8Array(signature))}`
          const maxAge = Duration.toSeconds(LIFETIME)
          return `${NAME}=${value}; Path=/; Max-Age=${maxAge}; HttpOnly; Secure; SameSite=Lax`
        })

        const find = Effect.fnUntraced(
          function* (cookies: string | null) {
            const value = new RegExp(`(?:^|; ?)${NAME}=([^;]*)`).exec(cookies ?? "")?.[1] ?? ""
            const [text = "", signature = ""] = value.split(".")
            const bytes = yield* Encoding.decodeBase64Url(signature)
            // Compares in constant time.
            const isOurs = yield* Effect.promise(() =>
              crypto.subtle.verify(
                "HMAC",
                key,
                Uint8Array.from(bytes),
                new TextEncoder().encode(text)
              )
            )
            if (!isOurs) return yield* signIn
            const session = yield* Schema.decode(SessionText)(text)
            return session.expiresAt > (yield* Clock.currentTimeMillis) ? session : yield* signIn
          },
          Effect.catchAll(() => signIn)
        )

        return { begin, find }
      })
    )
}

const signIn = Effect.suspend(() => new Unauthorized({ reason: "please sign in" }))

const importKey = (secret: string) =>
  Effect.promise(() =>
    crypto.subtle.importKey(
      "raw",
      new TextEncoder().encode(secret),
      { name: "HMAC", hash: "SHA-256" },
      false,
      ["sign", "verify"]
    )
  )
