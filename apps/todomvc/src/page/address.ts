import { DEV_TOKEN } from "../SyncPayload.ts"

const alphabet = "abcdefghijklmnopqrstuvwxyz0123456789"

/** 16 characters of 36: about 82 bits, so that nobody guesses another's list. */
const makeStoreId = () => {
  let id = ""
  while (id.length < 16) {
    for (const byte of crypto.getRandomValues(new Uint8Array(32))) {
      // Bytes from 252 up would make the first letters likelier than the rest.
      if (byte < 252 && id.length < 16) id += alphabet.charAt(byte % 36)
    }
  }
  return id
}

/** The longest store id that the server takes. A URL's parameters are always well-formed Unicode. */
const MAX_STORE_ID_LENGTH = 256

/** Why no list can have this id, if none can. */
const problemOf = (storeId: string): string | undefined =>
  storeId.length > MAX_STORE_ID_LENGTH
    ? `The storeId in its URL is longer than ${MAX_STORE_ID_LENGTH} characters.`
    : undefined

/** Reads the store id and the token from the URL. A page opened without an id gets one, in its URL. */
const readAddress = () => {
  const url = new URL(window.location.href)
  const authToken = url.searchParams.get("authToken") ?? DEV_TOKEN
  const given = url.searchParams.get("storeId")
  if (given !== null && given !== "") {
    return { authToken, problem: problemOf(given), storeId: given }
  }
  const storeId = makeStoreId()
  url.searchParams.set("storeId", storeId)
  window.history.replaceState(window.history.state, "", url)
  return { authToken, problem: undefined, storeId }
}

export const address = readAddress()

/** The link that another browser opens to join the list. It carries no token. */
export const shareLink = () => {
  const url = new URL(window.location.pathname, window.location.origin)
  url.searchParams.set("storeId", address.storeId)
  return url.href
}
