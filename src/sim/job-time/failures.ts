/** When what fails: one stream of draws a component, so that a rate that changes shifts no other component's failures. */
import type { Component } from '../../scenario/reliability.ts';
import { COMPONENTS } from '../../scenario/reliability.ts';
import { Draws } from '../draws.ts';

/** Failures in the order in which they come, one at a time. */
export interface Failures {
  /** The millisecond of the next one; infinite if none is to come. */
  readonly at: number;
  readonly component: Component;
  advance(): void;
}

/** Failures a day of each component, of all of it together. */
export type DailyFailures = Readonly<Record<Component, number>>;

const DAY = 86_400_000;

/** Gaps are -ln(1 - u)^(1/k) times the scale at which their mean is 1 / rate: with k = 1 a Poisson process. */
export class DrawnFailures implements Failures {
  readonly #draws: Draws;
  readonly #scales: Float64Array;
  readonly #power: number;
  /** Unrounded, so that the streams keep their rates. */
  readonly #next = new Float64Array(COMPONENTS.length);
  #first = 0;

  constructor(seed: number, { daily, shape }: { readonly daily: DailyFailures; readonly shape: number }) {
    this.#draws = new Draws(seed);
    this.#power = 1 / shape;
    const mean = gamma(1 + this.#power);
    this.#scales = Float64Array.from(COMPONENTS, (name) => DAY / (daily[name] * mean));
    for (let index = 0; index < COMPONENTS.length; index++) this.#next[index] = this.#gap(index);
    this.#choose();
  }

  get at(): number {
    return Math.round(this.#next[this.#first]!);
  }
  get component(): Component {
    return COMPONENTS[this.#first]!;
  }
  advance(): void {
    this.#next[this.#first]! += this.#gap(this.#first);
    this.#choose();
  }

  #gap(index: number): number {
    const scale = this.#scales[index]!;
    return scale === Infinity ? Infinity : scale * (-Math.log1p(-this.#draws.next(COMPONENTS[index]!))) ** this.#power;
  }
  #choose(): void {
    let first = 0;
    for (let index = 1; index < this.#next.length; index++) if (this.#next[index]! < this.#next[first]!) first = index;
    this.#first = first;
  }
}

/** Lanczos' approximation (g = 7, nine terms), good to fifteen digits from 1/2 up. */
const gamma = (x: number): number => {
  const t = x - 1 + LANCZOS_G + 0.5;
  const series = LANCZOS.reduce((sum, term, index) => sum + (index === 0 ? term : term / (x - 1 + index)), 0);
  return Math.sqrt(2 * Math.PI) * t ** (x - 0.5) * Math.exp(-t) * series;
};
const LANCZOS_G = 7;
const LANCZOS = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
  12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
] as const;
