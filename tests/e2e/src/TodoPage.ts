/**
 * The page, as the person in front of it sees and uses it.
 */
import * as Effect from "effect/Effect"
import type { Page } from "playwright-core"
import { appPorts } from "./app.ts"
import { attempt, type HarnessError } from "./HarnessError.ts"

export interface Line {
  readonly text: string
  readonly completed: boolean
}

export interface Status {
  /** The tag of the client's status, such as `Online`. */
  readonly state: string | null
  /** What the page says about it. */
  readonly text: string
}

export interface TodoPage {
  /** The tab itself, for what a person cannot see. */
  readonly tab: Page
  /** Opens a list, with the token given or the app's own, and waits until it can be typed into. */
  readonly open: (storeId: string, authToken?: string) => Effect.Effect<void, HarnessError>
  /** Loads the page again, and waits until it can be typed into. */
  readonly reload: Effect.Effect<void, HarnessError>
  readonly add: (text: string) => Effect.Effect<void, HarnessError>
  /** Double-clicks a todo, types another text over it, and leaves the field: with Enter unless told. */
  readonly edit: (
    text: string,
    to: string,
    leave?: "Enter" | "Escape" | "blur"
  ) => Effect.Effect<void, HarnessError>
  /** Clicks a todo's checkbox. */
  readonly toggle: (text: string) => Effect.Effect<void, HarnessError>
  readonly toggleAll: Effect.Effect<void, HarnessError>
  readonly remove: (text: string) => Effect.Effect<void, HarnessError>
  readonly clearCompleted: Effect.Effect<void, HarnessError>
  /** Clicks a filter. */
  readonly choose: (filter: "All" | "Active" | "Completed") => Effect.Effect<void, HarnessError>
  /** The lines that are shown, from above. */
  readonly list: Effect.Effect<ReadonlyArray<Line>, HarnessError>
  /** How many are left, in the page's words. */
  readonly count: Effect.Effect<string | null, HarnessError>
  readonly status: Effect.Effect<Status, HarnessError>
  /** Waits until what was typed is in the browser's storage. */
  readonly saved: Effect.Effect<void, HarnessError>
  /** Waits until the page would open without a network. */
  readonly kept: Effect.Effect<void, HarnessError>
}

export const make = (tab: Page): TodoPage => {
  const todo = (text: string) =>
    tab.getByTestId("todo").filter({ has: tab.getByText(text, { exact: true }) })

  const ready = attempt("waiting for the list", () => tab.getByTestId("new-todo").waitFor())

  return {
    tab,
    open: (storeId, authToken) => {
      const query = new URLSearchParams({
        storeId,
        ...(authToken === undefined ? {} : { authToken })
      })
      return attempt("opening the page", () =>
        tab.goto(`http://localhost:${appPorts.page}/?${query}`)
      ).pipe(Effect.zipRight(ready))
    },
    reload: Effect.zipRight(
      attempt("reloading the page", () => tab.reload()),
      ready
    ),
    add: (text) =>
      attempt(`adding ${text}`, async () => {
        await tab.getByTestId("new-todo").fill(text)
        await tab.getByTestId("new-todo").press("Enter")
      }),
    edit: (text, to, leave = "Enter") =>
      attempt(`editing ${text}`, async () => {
        await todo(text).getByTestId("todo-text").dblclick()
        const field = tab.getByRole("textbox", { name: `Edit ${text}` })
        await field.fill(to)
        await (leave === "blur" ? field.blur() : field.press(leave))
      }),
    toggle: (text) => attempt(`toggling ${text}`, () => todo(text).getByRole("checkbox").click()),
    toggleAll: attempt("toggling all", () => tab.getByText("Mark all as complete").click()),
    clearCompleted: attempt("clearing", () =>
      tab.getByRole("button", { name: "Clear completed" }).click()
    ),
    choose: (filter) =>
      attempt(`choosing ${filter}`, () =>
        tab.getByRole("link", { name: filter, exact: true }).click()
      ),
    remove: (text) =>
      attempt(`deleting ${text}`, async () => {
        await todo(text).hover()
        await todo(text)
          .getByRole("button", { name: `Delete ${text}` })
          .click()
      }),
    list: attempt("reading the list", () =>
      tab.getByTestId("todo").evaluateAll((items) =>
        items.map((item) => ({
          text: item.querySelector("label")?.textContent ?? "",
          completed: item.classList.contains("completed")
        }))
      )
    ),
    count: attempt("reading the count", () => tab.getByTestId("todo-count").textContent()),
    status: attempt("reading the status", () =>
      tab.getByTestId("sync-status").evaluate((line) => ({
        state: line.getAttribute("data-state"),
        text: line.textContent ?? ""
      }))
    ),
    saved: attempt("waiting for the storage", () =>
      tab.locator("[data-testid=todoapp][data-saved=true]").waitFor()
    ),
    kept: attempt("waiting for the service worker", () =>
      tab.evaluate(async () => {
        await navigator.serviceWorker.ready
      })
    )
  }
}
