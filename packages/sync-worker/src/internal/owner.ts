/** Whose connection a line of the log is about, in the same words wherever it comes from. */
import * as Effect from "effect/Effect"

interface Owner {
  readonly connectionId: string
  readonly storeId: string
}

export const ownerOf = ({ connectionId, storeId }: Owner) => ({ storeId, connectionId })

export const annotateOwner = (owner: Owner) => Effect.annotateLogs(ownerOf(owner))
