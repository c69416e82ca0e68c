/** The loss of each token, from what the ranks that share the vocabulary know of it; in float64, of which there is little. */
import { bytesOf } from './inline/format';

/** From statistics [ranks, 3, tokens]: what makes probabilities of rank `self`'s exponentials, and the losses, added up. */
export function tokenLoss(
  statistics: usize,
  loss: usize,
  scales: usize,
  total: usize,
  tokens: i32,
  ranks: i32,
  self: i32,
): void {
  const row = bytesOf<f32>(tokens);
  let losses: f64 = 0;
  for (let token = 0; token < tokens; token++) {
    const from = statistics + bytesOf<f32>(token);
    let greatest: f64 = -Infinity;
    for (let rank = 0; rank < ranks; rank++) greatest = max(greatest, <f64>load<f32>(from + <usize>(3 * rank) * row));
    let sum: f64 = 0;
    let label: f64 = -Infinity;
    for (let rank = 0; rank < ranks; rank++) {
      const at = from + <usize>(3 * rank) * row;
      sum += NativeMath.exp(<f64>load<f32>(at) - greatest) * <f64>load<f32>(at + row);
      label = max(label, <f64>load<f32>(at + 2 * row));
    }
    const own = <f64>load<f32>(from + <usize>(3 * self) * row);
    store<f32>(scales + bytesOf<f32>(token), <f32>(NativeMath.exp(own - greatest) / sum));
    losses += NativeMath.log(sum) + greatest - label;
  }
  store<f32>(total, <f32>(<f64>load<f32>(loss) + losses));
}
