/** Points of a step at which all stages of a pipeline wait for each other, one behind another. */

interface Meeting {
  /** Stages that have come. */
  count: number;
  /** When the last of them did. */
  latest: number;
}

export class Meetings {
  readonly #stages: number;
  readonly #meetings: Meeting[] = [];
  /** By stage: meetings that it has left behind, and whether it has come to the next one. */
  readonly #left: number[];
  readonly #isThere: boolean[];

  constructor(stages: number) {
    this.#stages = stages;
    this.#left = new Array<number>(stages).fill(0);
    this.#isThere = new Array<boolean>(stages).fill(false);
  }

  /** The stage comes, or asks again: when the last stage came, as soon as that has; null until then. */
  come(stage: number, at: number): number | null {
    const meeting = (this.#meetings[this.#left[stage]!] ??= { count: 0, latest: 0 });
    if (!this.#isThere[stage]!) {
      meeting.count++;
      meeting.latest = Math.max(meeting.latest, at);
      this.#isThere[stage] = true;
    }
    if (meeting.count < this.#stages) return null;
    this.#left[stage]!++;
    this.#isThere[stage] = false;
    return meeting.latest;
  }
}
