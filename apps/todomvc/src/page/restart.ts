const mark = "todomvc:restarted"

/** Loads the page again, which then finds {@link restarted} true, once. */
export const restart = () => {
  sessionStorage.setItem(mark, "true")
  window.location.reload()
}

/** Whether this load of the page comes from {@link restart}. */
export const restarted = sessionStorage.getItem(mark) !== null

sessionStorage.removeItem(mark)
