/** A rank's services in tests: nothing is loaded, stored or shown, and the clock is whatever it is given. */
import type { Services } from '../../src/exec/services.ts';
import type { Instant } from '../../src/units/quantity.ts';

const refuse = (effect: { readonly kind: string }): never => {
  throw new Error(`these services do not answer ${effect.kind}`);
};

export const plainServices = (now: () => Instant): Services => ({
  load: refuse,
  store: refuse,
  observe: refuse,
  route: (found) => found,
  draw: () => 0.5,
  now,
});
