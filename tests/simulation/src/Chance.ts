/** What happens by chance, from a seed. */
import { PCGRandom } from "effect/Utils"

export class Chance {
  readonly #random: PCGRandom

  constructor(seed: number, stream: number) {
    this.#random = new PCGRandom(seed, stream)
  }

  /** An integer from 0 to below `limit`. */
  below(limit: number): number {
    return this.#random.integer(limit)
  }

  /** An integer from one number to another, both included. */
  between(from: number, to: number): number {
    return from + this.below(to - from + 1)
  }

  /** Whether something happens that has this probability. */
  happens(probability: number): boolean {
    return this.#random.number() < probability
  }

  pick<A>(items: ReadonlyArray<A>): A | undefined {
    return items[this.below(Math.max(1, items.length))]
  }
}
