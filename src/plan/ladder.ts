/** Looks for the first rung of a long ladder that holds, in few looks, and says which rungs it never looked at. */

export interface Looked<T> {
  readonly rung: number;
  readonly holds: boolean;
  /** What the look found, for whoever asked. */
  readonly found: T;
}

export interface Climbed<T> {
  /** In the order in which they were looked at. */
  readonly looked: readonly Looked<T>[];
  /** The least rung that was seen to hold. */
  readonly first: Looked<T> | null;
  /** Rungs that were neither looked at nor known to be impossible, from the least up to `first`, or of all. */
  readonly unseen: readonly number[];
}

export interface Ladder<T> {
  /** Rungs are whole numbers from `least` to `most`. */
  readonly least: number;
  readonly most: number;
  /** False for a rung that cannot hold, which is cheap to know: it is not looked at. */
  readonly isPossible: (rung: number) => boolean;
  readonly look: (rung: number) => Promise<Omit<Looked<T>, 'rung'>>;
  readonly isInterrupted: () => boolean;
}

/** So many rungs below the answer are looked at one by one. */
const BELOW = 8;

/**
 * Looks at the least rung and then at powers of two, at last at the last, until one holds; bisects between it and the last that did not; then
 * looks at the rungs left out below, the nearest first. One that holds takes the answer's place, and its neighbours get
 * their turn; `BELOW` in a row that do not hold end the climb. Rungs that hold need not lie above all those that do not:
 * hence the last part, and `unseen`.
 */
export const climb = async <T>(ladder: Ladder<T>): Promise<Climbed<T>> => {
  const climber = new Climber(ladder);
  await climber.double();
  await climber.bisect();
  await climber.descend();
  return { looked: climber.looked, first: climber.first, unseen: climber.unseen() };
};

class Climber<T> {
  readonly looked: Looked<T>[] = [];
  first: Looked<T> | null = null;
  readonly #ladder: Ladder<T>;
  readonly #possible = new Map<number, boolean>();

  constructor(ladder: Ladder<T>) {
    this.#ladder = ladder;
  }

  async double(): Promise<void> {
    const { least, most } = this.#ladder;
    for (let rung = least; rung <= most && this.first === null && this.#goesOn(); rung = nextOf(rung, most))
      if (this.#isPossible(rung)) await this.#look(rung);
  }

  /** The rung in the middle, or the possible one nearest to it. */
  async bisect(): Promise<void> {
    while (this.first !== null && this.#goesOn()) {
      const { rung } = this.first;
      const failed = this.looked.flatMap((look) => (!look.holds && look.rung < rung ? [look.rung] : []));
      const floor = Math.max(this.#ladder.least - 1, ...failed);
      const next = this.#nearest(Math.floor((floor + rung) / 2), { above: floor, below: rung });
      if (next === null) return;
      await this.#look(next);
    }
  }

  async descend(): Promise<void> {
    let rung = this.#top() - 1;
    for (let left = BELOW; rung >= this.#ladder.least && left > 0 && this.#goesOn(); rung--) {
      if (this.#wasLookedAt(rung) || !this.#isPossible(rung)) continue;
      left = (await this.#look(rung)) ? BELOW : left - 1;
    }
  }

  unseen(): readonly number[] {
    const { least } = this.#ladder;
    const below = Array.from({ length: Math.max(0, this.#top() - least) }, (_, index) => least + index);
    return below.filter((rung) => !this.#wasLookedAt(rung) && this.#possible.get(rung) !== false);
  }

  /** The answer so far, or where none was found one above the last rung. */
  #top(): number {
    return this.first?.rung ?? this.#ladder.most + 1;
  }

  #goesOn(): boolean {
    return !this.#ladder.isInterrupted();
  }

  #wasLookedAt(rung: number): boolean {
    return this.looked.some((look) => look.rung === rung);
  }

  #isPossible(rung: number): boolean {
    const known = this.#possible.get(rung) ?? this.#ladder.isPossible(rung);
    this.#possible.set(rung, known);
    return known;
  }

  #nearest(wanted: number, { above, below }: { readonly above: number; readonly below: number }): number | null {
    for (let away = 0; wanted - away > above || wanted + away < below; away++)
      for (const rung of [wanted - away, wanted + away])
        if (rung > above && rung < below && this.#isPossible(rung)) return rung;
    return null;
  }

  async #look(rung: number): Promise<boolean> {
    const look = { rung, ...(await this.#ladder.look(rung)) };
    this.looked.push(look);
    if (look.holds && (this.first === null || rung < this.first.rung)) this.first = look;
    return look.holds;
  }
}

/** The next power of two; the last rung is looked at, whatever it is. */
const nextOf = (rung: number, most: number): number => {
  const power = 2 ** Math.floor(Math.log2(rung) + 1);
  return rung < most ? Math.min(power, most) : power;
};
