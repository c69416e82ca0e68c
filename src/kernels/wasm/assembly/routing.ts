/** The choice of experts: the best scores of each token, and where each choice goes. Scores are fp32, all else int32. */
import { bytesOf } from './inline/format';

/** Of each row of `experts` scores the `active` best, the largest first, of equal ones the first, and their softmax. */
export function topKForward(
  logits: usize,
  weights: usize,
  numbers: usize,
  tokens: i32,
  experts: i32,
  active: i32,
): void {
  const row = bytesOf<f32>(experts);
  const choices = bytesOf<f32>(active);
  for (let token = 0; token < tokens; token++) {
    chooseBest(logits, numbers, experts, active);
    // The first choice has the largest score.
    const most = <f64>load<f32>(logits + bytesOf<f32>(load<i32>(numbers)));
    let sum: f64 = 0;
    for (let at: usize = 0; at < choices; at += 4) {
      const power = NativeMath.exp(<f64>load<f32>(logits + bytesOf<f32>(load<i32>(numbers + at))) - most);
      store<f32>(weights + at, <f32>power);
      sum += power;
    }
    for (let at: usize = 0; at < choices; at += 4) store<f32>(weights + at, <f32>(<f64>load<f32>(weights + at) / sum));
    logits += row;
    weights += choices;
    numbers += choices;
  }
}

/** What is no number counts as the least of all, so that there always are enough to choose. */
function scoreAt(logits: usize, expert: i32): f32 {
  const score = load<f32>(logits + bytesOf<f32>(expert));
  return score == score ? score : -Infinity;
}

/** Each choice is the best of the scores that stand behind the one before in order. */
function chooseBest(logits: usize, numbers: usize, experts: i32, active: i32): void {
  let lastScore: f32 = Infinity;
  let last = -1;
  for (let choice = 0; choice < active; choice++) {
    let bestScore: f32 = -Infinity;
    let best = -1;
    for (let expert = 0; expert < experts; expert++) {
      const score = scoreAt(logits, expert);
      const isBehind = score < lastScore || (score == lastScore && expert > last);
      if (isBehind && (best < 0 || score > bestScore)) {
        best = expert;
        bestScore = score;
      }
    }
    store<i32>(numbers + bytesOf<i32>(choice), best);
    lastScore = bestScore;
    last = best;
  }
}

/** Backward through the softmax of the chosen scores: weight (gradient - sum of weights gradients); 0 for all others. */
export function topKBackward(
  weights: usize,
  numbers: usize,
  gradient: usize,
  to: usize,
  tokens: i32,
  experts: i32,
  active: i32,
): void {
  const row = bytesOf<f32>(experts);
  const choices = bytesOf<f32>(active);
  for (let token = 0; token < tokens; token++) {
    let mean: f64 = 0;
    for (let at: usize = 0; at < choices; at += 4) mean += <f64>load<f32>(weights + at) * <f64>load<f32>(gradient + at);
    memory.fill(to, 0, row);
    for (let at: usize = 0; at < choices; at += 4) {
      const slope = <f64>load<f32>(weights + at) * (<f64>load<f32>(gradient + at) - mean);
      store<f32>(to + bytesOf<f32>(load<i32>(numbers + at)), <f32>slope);
    }
    weights += choices;
    numbers += choices;
    gradient += choices;
    to += row;
  }
}

/**
 * Adds weight p (n - sum of p n) to each row of `to`, p being the softmax of the row's scores and n the counts [experts] of
 * its sequence, in fp32; `powers` [experts] is scratch.
 */
export function addBalance(
  logits: usize,
  counts: usize,
  powers: usize,
  to: usize,
  tokens: i32,
  experts: i32,
  weight: f64,
): void {
  const row = bytesOf<f32>(experts);
  for (let token = 0; token < tokens; token++) {
    let most: f32 = -Infinity;
    for (let at: usize = 0; at < row; at += 4) most = max(most, load<f32>(logits + at));
    let sum: f64 = 0;
    let met: f64 = 0;
    for (let at: usize = 0; at < row; at += 4) {
      const power = NativeMath.exp(<f64>(load<f32>(logits + at) - most));
      store<f32>(powers + at, <f32>power);
      sum += power;
      met += power * <f64>load<f32>(counts + at);
    }
    const mean = met / sum;
    for (let at: usize = 0; at < row; at += 4) {
      const share = <f64>load<f32>(powers + at) / sum;
      const slope = weight * share * (<f64>load<f32>(counts + at) - mean);
      store<f32>(to + at, <f32>(<f64>load<f32>(to + at) + slope));
    }
    logits += row;
    to += row;
  }
}

/** Adds to the counts [experts] how often each stands among `choices` numbers. */
export function countChoices(numbers: usize, counts: usize, choices: i32): void {
  for (let choice = 0; choice < choices; choice++) {
    const count = counts + bytesOf<i32>(load<i32>(numbers + bytesOf<i32>(choice)));
    store<i32>(count, load<i32>(count) + 1);
  }
}

/** Writes 0 for each choice whose expert still has room, of which there is then less, and -1 for the others. */
export function admitChoices(numbers: usize, places: usize, room: usize, taken: usize, choices: i32): void {
  for (let choice = 0; choice < choices; choice++) {
    const at = bytesOf<i32>(choice);
    const expert = bytesOf<i32>(load<i32>(numbers + at));
    const left = load<i32>(room + expert);
    if (left > 0) {
      store<i32>(room + expert, left - 1);
      store<i32>(taken + expert, load<i32>(taken + expert) + 1);
      store<i32>(places + at, 0);
    } else store<i32>(places + at, -1);
  }
}

/** Numbers what was admitted: all of the first expert, then all of the second; `next` [experts] is scratch. */
export function placeChoices(
  numbers: usize,
  places: usize,
  taken: usize,
  next: usize,
  choices: i32,
  experts: i32,
): void {
  let start = 0;
  for (let expert = 0; expert < experts; expert++) {
    store<i32>(next + bytesOf<i32>(expert), start);
    start += load<i32>(taken + bytesOf<i32>(expert));
  }
  for (let choice = 0; choice < choices; choice++) {
    const at = bytesOf<i32>(choice);
    if (load<i32>(places + at) < 0) continue;
    const place = next + bytesOf<i32>(load<i32>(numbers + at));
    store<i32>(places + at, load<i32>(place));
    store<i32>(place, load<i32>(place) + 1);
  }
}
