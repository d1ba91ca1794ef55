/** Shorter texts are no secrets, and would tear holes into words. */
const MIN_SECRET_LENGTH = 6

const collect = (value: unknown, into: Set<string>): void => {
  if (typeof value === "string") {
    if (value.length < MIN_SECRET_LENGTH) return
    into.add(value)
    try {
      into.add(encodeURIComponent(value))
    } catch {
      // A lone surrogate is in no URL.
    }
  } else if (typeof value === "object" && value !== null) {
    for (const part of Object.values(value)) collect(part, into)
  }
}

/**
 * Takes the texts of a payload out of what a server says about it, for example "invalid token …".
 */
export const redact = (payload: unknown): ((text: string) => string) => {
  const secrets = new Set<string>()
  collect(payload, secrets)
  const longestFirst = Array.from(secrets).sort((a, b) => b.length - a.length)
  return (text) => longestFirst.reduce((text, secret) => text.replaceAll(secret, "…"), text)
}
