/** Which part of the model's tensors a rank's parameters are. */
import type { Share } from '../effects/share.ts';
import type { Model } from '../scenario/model.ts';
import type { Cut, Parameter } from './parameter.ts';
import { isDecayed } from './parameter.ts';
import { chunksOf, unitsOf } from './stages.ts';
import type { Unit } from './unit.ts';
import { parametersOf } from './unit.ts';

/** A rank among those that share parameters: which of so many it is, and the number of the first expert it holds. */
export interface Seat {
  readonly ranks: number;
  readonly index: number;
  readonly firstExpert: number;
}

/**
 * The tensors of the model that a parameter of unit `unit` has a part of: one, or one an expert. Both copies of a table have
 * one name.
 */
export const sharesOf = (parameter: Parameter, unit: string, seat: Seat): readonly Share[] => {
  const { cut, name, isSharded } = parameter;
  const among = isSharded ? { ranks: seat.ranks, index: seat.index } : { ranks: 1, index: 0 };
  const of = (full: string): Share => ({
    name: full,
    shape: shapeOf(cut),
    ...tensorOf(cut),
    ...among,
    decays: isDecayed(parameter),
  });
  if (!name.startsWith('experts ')) return [of(fullName(parameter, unit))];
  const kind = name.slice('experts '.length);
  return Array.from({ length: cut.count }, (_, index) => of(`${unit}experts.${seat.firstExpert + index}.${kind}`));
};

/** Every tensor of a model by its name, with the shape that it has without padding. */
export const tensorsOf = (model: Model): ReadonlyMap<string, readonly number[]> => {
  const split = { tp: 1, ep: 1, etp: 1, isSplit: false };
  const seat = { ranks: 1, index: 0, firstExpert: 0 };
  const units = chunksOf(model, [model.layers]).flatMap(unitsOf);
  let layer = 0;
  return new Map(
    units.flatMap((unit) => {
      const name = unitName(unit, unit.kind === 'layer' ? layer++ : 0);
      const parameters = Object.values(parametersOf(unit, model, split)).flat();
      return parameters.flatMap((parameter) =>
        sharesOf(parameter, name, seat).map((share): [string, readonly number[]] => [share.name, share.shape]),
      );
    }),
  );
};

/** In front of the names of a unit's weights. Layers are numbered through the whole model; other units exist once. */
export const unitName = (unit: Unit, layer: number): string => {
  if (unit.kind === 'layer') return `layers.${layer}.`;
  return unit.kind === 'predictor' ? `${unit.name}.` : '';
};

/** A tied head is the embedding's table. */
const fullName = ({ name, isCopy }: Parameter, unit: string): string =>
  isCopy || name === 'token embedding' ? 'token embedding' : `${unit}${name}`;

const tensorOf = ({ outer, groups, inner, present, initial }: Cut) => ({
  outer,
  groups,
  inner,
  present,
  initial,
});

/** Without the dimensions of one element that only say how the tensor is cut. */
const shapeOf = ({ outer, inner, present }: Cut): readonly number[] => [
  ...(outer > 1 ? [outer] : []),
  present,
  ...(inner > 1 ? [inner] : []),
];
