import { useEffect, useState } from "react"
import { shareLink } from "../page/address.ts"

/** The link to this list, and a button that copies it. */
export const ShareLink = () => {
  const [copied, setCopied] = useState(false)
  useEffect(() => {
    if (!copied) return
    const timer = setTimeout(() => setCopied(false), 2_000)
    return () => clearTimeout(timer)
  }, [copied])

  const href = shareLink()
  // Where the clipboard is not allowed, the link itself can still be copied by hand.
  const copy = () =>
    navigator.clipboard.writeText(href).then(
      () => setCopied(true),
      () => setCopied(false)
    )
  return (
    <p className="share">
      <a data-testid="share-link" href={href}>
        Link to this list
      </a>
      <button aria-live="polite" onClick={copy} type="button">
        {copied ? "Copied" : "Copy"}
      </button>
    </p>
  )
}
