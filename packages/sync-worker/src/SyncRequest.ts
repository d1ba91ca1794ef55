/**
 * Which requests are for the sync backend.
 *
 * @since 0.1.0
 */
import { Handshake } from "@tidelog/sync-protocol"
import * as Either from "effect/Either"
import * as Record from "effect/Record"
import * as Schema from "effect/Schema"
import { describe } from "./internal/describe.ts"
import { isUpgrade } from "./internal/upgrade.ts"

/**
 * A request that asks for a sync connection: its search params, or what is wrong with them.
 *
 * @since 0.1.0
 * @category models
 */
export type SyncRequest = Either.Either<Handshake.SearchParams, InvalidSearchParams>

/**
 * The search params do not open a connection. `message` says why.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidSearchParams extends Schema.TaggedError<InvalidSearchParams>(
  "@tidelog/sync-worker/InvalidSearchParams"
)("InvalidSearchParams", { message: Schema.String }) {}

/** One that is there twice is read differently by whoever looks: at the first, or at the last. */
const readSearchParams = (params: URLSearchParams): SyncRequest => {
  const twice = NAMES.find((name) => params.getAll(name).length > 1)
  return twice === undefined
    ? Either.mapLeft(
        decodeSearchParams(Object.fromEntries(params)),
        (error) => new InvalidSearchParams({ message: describe(error) })
      )
    : Either.left(new InvalidSearchParams({ message: `${twice} is there more than once` }))
}

const NAMES = Record.keys(Handshake.SearchParams.fields)

const decodeSearchParams = Schema.decodeUnknownEither(Handshake.SearchParams)

/**
 * Whether a request is for the sync backend (SPEC: HAND-3): its path ends in `/websocket`, or it
 * carries a valid `storeId` and `transport`, or is an upgrade that carries both, valid or not.
 * `undefined` if it is not, so that a Worker can go on to its other routes.
 *
 * @since 0.1.0
 * @category routing
 */
export const matchSyncRequest = (request: Request): SyncRequest | undefined => {
  const url = new URL(request.url)
  const params = readSearchParams(url.searchParams)
  if (url.pathname.endsWith(Handshake.SYNC_PATH)) return params
  const names = ["storeId", "transport"].every((name) => url.searchParams.has(name))
  return names && (Either.isRight(params) || isUpgrade(request)) ? params : undefined
}
