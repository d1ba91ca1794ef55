/**
 * The D1 binding, slower or counted. Without either it is the binding itself, so that a plain run
 * measures nothing of this.
 */
import type { BenchEnv } from "./BenchEnv.ts"
import { meter, meterStorage } from "./Meter.ts"

/** Prepares the bindings of an object, before it is constructed with them. */
export const instrument = (state: { storage: unknown }, env: BenchEnv): BenchEnv => {
  const delayMs = Number(env.D1_DELAY_MS ?? 0)
  const counts = env.METER === "1"
  if (counts) meterStorage((state as DurableObjectState).storage)
  return delayMs > 0 || counts ? { ...env, DB: wrap(env.DB, delayMs) } : env
}

const wrap = (database: D1Database, delayMs: number): D1Database => {
  const natives = new WeakMap<object, D1PreparedStatement>()

  const call = async <A>(run: () => Promise<A>): Promise<A> => {
    if (delayMs > 0) {
      await new Promise((resolve) => {
        setTimeout(resolve, delayMs)
      })
    }
    meter.d1Calls += 1
    const result = await run()
    for (const one of Array.isArray(result) ? result : [result]) {
      meter.rowsRead += one?.meta?.rows_read ?? 0
      meter.rowsWritten += one?.meta?.rows_written ?? 0
    }
    return result
  }

  const statement = (native: D1PreparedStatement): D1PreparedStatement => {
    const wrapped = {
      bind: (...values: Array<unknown>) => statement(native.bind(...values)),
      all: () => call(() => native.all()),
      run: () => call(() => native.run()),
      raw: (options?: { columnNames: true }) =>
        call(() => (options === undefined ? native.raw() : native.raw(options))),
      first: (column?: string) =>
        call(() => (column === undefined ? native.first() : native.first(column)))
    }
    natives.set(wrapped, native)
    return wrapped as unknown as D1PreparedStatement
  }

  return {
    prepare: (query: string) => statement(database.prepare(query)),
    batch: (statements: ReadonlyArray<D1PreparedStatement>) =>
      call(() => database.batch(statements.map((one) => natives.get(one) ?? one))),
    exec: (query: string) => call(() => database.exec(query))
  } as unknown as D1Database
}
