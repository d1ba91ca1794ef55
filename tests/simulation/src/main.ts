/** The course of one seed, for whoever wants to read it: `pnpm seed 42`. */
import { simulate } from "./Simulation.ts"

const seed = Number(process.argv[2] ?? 1)
const { events, settledAfter, steps, trace, violations } = simulate(seed, {
  restores: process.argv[3] === "restores"
})
for (const line of trace) console.log(line.length > 300 ? `${line.slice(0, 300)}…` : line)
console.log({ seed, events, settledAfter, steps, violations })
