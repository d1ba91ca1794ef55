/**
 * What the device knows of its network and its user, and the client cannot see.
 *
 * @since 0.1.0
 */

/**
 * - `online`: there is a network again.
 * - `offline`: there is none.
 * - `awake`: somebody looks at the app again, or the device has slept. A socket may have ended unseen.
 *
 * @since 0.1.0
 * @category models
 */
export type Signal = "online" | "offline" | "awake"

/**
 * A device. `isOnline`: what it believes at present. `subscribe`: calls `onSignal` from now on; the result ends
 * that.
 *
 * @since 0.1.0
 * @category models
 */
export interface Device {
  readonly isOnline: () => boolean
  readonly subscribe: (onSignal: (signal: Signal) => void) => () => void
}

/**
 * Whatever of a browser's page or worker is there: of its events, and of `navigator.onLine`. In Node and on a
 * server nothing is, and the device is always online.
 *
 * @since 0.1.0
 * @category devices
 */
export const global: Device = {
  isOnline: () => globalThis.navigator?.onLine ?? true,
  subscribe: (onSignal) => {
    const { document } = globalThis
    const until = new AbortController()
    const options = { signal: until.signal }
    if (isTarget(globalThis)) {
      globalThis.addEventListener("online", () => onSignal("online"), options)
      globalThis.addEventListener("offline", () => onSignal("offline"), options)
      globalThis.addEventListener(
        "pageshow",
        ({ persisted }) => {
          if (persisted) onSignal("awake")
        },
        options
      )
    }
    if (isTarget(document)) {
      document.addEventListener(
        "visibilitychange",
        () => {
          if (document.visibilityState === "visible") onSignal("awake")
        },
        options
      )
    }
    return () => until.abort()
  }
}

/** Whatever the types say: runtimes have some of a browser, and polyfills some more. */
const isTarget = (target: object | undefined): boolean =>
  target !== undefined
  && "addEventListener" in target
  && typeof target.addEventListener === "function"

/**
 * React Native's device, of its `AppState`: the app has come to the foreground. `network`: what tells of the
 * network, if the app has something that does, for example `@react-native-community/netinfo`.
 *
 * @example
 * ```ts
 * const device = Device.reactNative(AppState, (onChange) =>
 *   NetInfo.addEventListener(({ isConnected }) => onChange(isConnected !== false))
 * )
 * ```
 *
 * @since 0.1.0
 * @category devices
 */
export const reactNative = (
  appState: {
    readonly addEventListener: (
      type: "change",
      onChange: (state: string) => void
    ) => { readonly remove: () => void }
  },
  network?: (onChange: (isOnline: boolean) => void) => () => void
): Device => {
  let online = true
  return {
    isOnline: () => online,
    subscribe: (onSignal) => {
      const state = appState.addEventListener("change", (state) => {
        if (state === "active") onSignal("awake")
      })
      const stop = network?.((isOnline) => {
        // The first call tells the present state, which is no news.
        if (isOnline === online) return
        online = isOnline
        onSignal(isOnline ? "online" : "offline")
      })
      return () => {
        state.remove()
        stop?.()
      }
    }
  }
}
