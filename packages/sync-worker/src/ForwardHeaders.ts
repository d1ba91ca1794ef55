/**
 * The headers of the upgrade request that outlive it.
 *
 * @since 0.1.0
 */
import * as Either from "effect/Either"
import type { Session } from "./Connection.ts"
import * as Grant from "./Grant.ts"

/**
 * Which of the upgrade request's headers hooks see in `session.headers`: their names, or a function
 * that picks them. A value that is no text is left out.
 *
 * @since 0.1.0
 * @category models
 */
export type ForwardHeaders =
  | ReadonlyArray<string>
  | ((request: Request) => Readonly<Record<string, string | null | undefined>>)

/**
 * The headers that a session keeps, or what a function of the app's own stumbled over.
 *
 * @since 0.1.0
 * @category operations
 */
export const pick = (
  request: Request,
  forward: ForwardHeaders
): Either.Either<Session["headers"], unknown> =>
  Either.try(() => {
    const picked: Record<string, string> = {}
    const entries =
      typeof forward === "function"
        ? Object.entries(forward(withoutGrant(request)))
        : forward.map((name) => [name, request.headers.get(name)] as const)
    for (const [name, value] of entries) {
      if (typeof value === "string") picked[name.toLowerCase()] = value
    }
    return picked
  })

/** The request as the client made it. */
const withoutGrant = (request: Request): Request => {
  const headers = new Headers(request.headers)
  headers.delete(Grant.HEADER)
  return new Request(request.url, { headers })
}
